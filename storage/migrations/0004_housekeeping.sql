-- What is useless is erased, and old jobs are removed: indexes by which they are found, and sums of what they cost.

CREATE INDEX job_with_token ON job (received_ms) WHERE interaction_token <> '';
CREATE INDEX job_ended ON job (ended_ms, id) WHERE ended_ms IS NOT NULL;

-- The ledger's rows of removed jobs, summed up; 0 stands for direct messages.
CREATE TABLE quota_sum (
    month TEXT NOT NULL,  -- UTC, 2026-11
    guild_id BIGINT NOT NULL,
    member_id BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    units BIGINT NOT NULL,
    PRIMARY KEY (month, guild_id, member_id, outcome)
);

-- A source is needed until it is submitted; its link is a secret.
UPDATE job SET source_url = '' WHERE state NOT IN ('accepted', 'submitting');
