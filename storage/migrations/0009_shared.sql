-- State that one process used to keep in memory and that others on the same database need.

ALTER TABLE progress ADD COLUMN claimed_by TEXT;  -- who edits the message now; NULL while nobody does

ALTER TABLE callback_body ADD COLUMN claimed_by TEXT;  -- who applies it now; stays NULL where one process works alone
ALTER TABLE callback_body ADD COLUMN due_ms BIGINT;  -- when the claim runs out or it is tried again; NULL: untouched
ALTER TABLE callback_body ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;  -- in a row

CREATE INDEX callback_due ON callback_body (due_ms) WHERE due_ms IS NOT NULL;

ALTER TABLE job ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;  -- unexpected ones in a row, in this state

-- A waiting job without a due time counted as due; now each one has a time, so that reading the first is enough.
UPDATE job SET due_ms = accepted_ms WHERE state = 'accepted' AND due_ms IS NULL AND set_aside_ms IS NULL;

-- Jobs that `Send again` sends now or sent a moment ago.
CREATE TABLE sending (
    job_id TEXT NOT NULL PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    member_id BIGINT NOT NULL,
    claimed_by TEXT,  -- NULL once it is sent
    until_ms BIGINT NOT NULL,  -- when the claim runs out, or the rest after it was sent
    sent_ms BIGINT,
    guild_id BIGINT,  -- where it is: guild, channel and message
    channel_id BIGINT,
    message_id BIGINT,
    is_answer SMALLINT NOT NULL DEFAULT 0  -- one member sees it
);

CREATE INDEX sending_of_member ON sending (member_id);
CREATE INDEX sending_until ON sending (until_ms);
