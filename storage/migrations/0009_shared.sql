-- State that one process used to keep in memory and that others on the same database need.

ALTER TABLE progress ADD COLUMN claimed_by TEXT;  -- who edits the message now; NULL while nobody does

ALTER TABLE callback_body ADD COLUMN claimed_by TEXT;  -- who applies it now; stays NULL where one process works alone
ALTER TABLE callback_body ADD COLUMN due_ms BIGINT;  -- when the claim runs out or it is tried again; NULL: untouched
ALTER TABLE callback_body ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;  -- in a row

CREATE INDEX callback_due ON callback_body (due_ms) WHERE due_ms IS NOT NULL;

ALTER TABLE job ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;  -- unexpected ones in a row, in this state
