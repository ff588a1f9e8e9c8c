-- What people do with a result: votes for its takes, clicks that came a moment ago, and complaints to the operator.
-- Compatible from: 0011

CREATE TABLE vote (
    message_id BIGINT NOT NULL,
    member_id BIGINT NOT NULL,
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    take INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (message_id, member_id)
);

CREATE INDEX vote_of_job ON vote (job_id);

-- One row for each message below which somebody voted. `version` grows with each vote; `due_ms` says when the counts
-- should be brought up to date, NULL while they are. Claiming a message moves it ahead, as with progress messages.
CREATE TABLE vote_message (
    message_id BIGINT NOT NULL PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    channel_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    due_ms BIGINT,
    not_before_ms BIGINT,  -- a change is not shown before: a worker has the message, or it was just edited
    claimed_by TEXT,
    failures INTEGER NOT NULL DEFAULT 0  -- how often in a row it could not be shown
);

CREATE INDEX vote_message_due ON vote_message (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX vote_message_of_job ON vote_message (job_id);

-- The latest click of each person on each button, for a few seconds: a second one would be a double click.
CREATE TABLE click (
    message_id BIGINT NOT NULL,
    member_id BIGINT NOT NULL,
    action TEXT NOT NULL,
    interaction_id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (message_id, member_id, action)
);

CREATE INDEX click_at ON click (at_ms);

CREATE TABLE complaint (
    message_id BIGINT NOT NULL,
    member_id BIGINT NOT NULL,
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    guild_id BIGINT,
    channel_id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    told_ms BIGINT,  -- when the operator was told; NULL: not yet
    PRIMARY KEY (message_id, member_id)
);

CREATE INDEX complaint_untold ON complaint (at_ms, message_id, member_id) WHERE told_ms IS NULL;
CREATE INDEX complaint_of_job ON complaint (job_id);
