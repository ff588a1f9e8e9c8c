-- A claim has an owner: only its owner may renew it, and write down what came of the work.

ALTER TABLE job ADD COLUMN claimed_by TEXT;  -- NULL while nobody works on it

ALTER TABLE intake ADD COLUMN claimed_by TEXT;  -- NULL once it is acknowledged, until a worker claims it
ALTER TABLE intake ADD COLUMN was_claimed SMALLINT NOT NULL DEFAULT 0;  -- the present owner took it over from another
ALTER TABLE intake ADD COLUMN refusal TEXT;  -- JSON of sentences: it is refused, and its member is still to be told
ALTER TABLE intake ADD COLUMN set_aside_ms BIGINT;  -- this release cannot read it: no worker sees it

CREATE INDEX intake_set_aside ON intake (set_aside_ms) WHERE set_aside_ms IS NOT NULL;

-- Their workers are gone.
UPDATE intake SET claimed_by = 'the one who wrote it down' WHERE due_ms IS NOT NULL;
