-- Relays: songs that members extend in turns, and those turns.
-- Compatible from: 0011

-- `due_ms` says when a worker looks whether there is something to tell in the thread; NULL while there is nothing.
CREATE TABLE relay (
    id TEXT NOT NULL PRIMARY KEY,
    guild_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    starter_id BIGINT NOT NULL,
    payload TEXT NOT NULL,  -- JSON
    started_ms BIGINT NOT NULL,
    touched_ms BIGINT NOT NULL,  -- when somebody last did something in it
    finished_ms BIGINT,
    due_ms BIGINT,
    claimed_by TEXT,
    failures INTEGER NOT NULL DEFAULT 0  -- how often in a row it could not be told
);

CREATE INDEX relay_open ON relay (channel_id) WHERE finished_ms IS NULL;
CREATE INDEX relay_due ON relay (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX relay_touched ON relay (touched_ms);

-- The last one is under way, or free again if its claim ran out or its job came to nothing.
CREATE TABLE relay_turn (
    relay_id TEXT NOT NULL REFERENCES relay (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    member_id BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,  -- how long it is the member's without a job
    job_id TEXT,  -- it may be gone
    PRIMARY KEY (relay_id, number)
);
