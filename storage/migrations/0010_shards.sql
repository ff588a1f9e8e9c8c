-- Several processes share the connections to Discord's gateway. All times are the database's.

CREATE TABLE shard (
    number INTEGER NOT NULL PRIMARY KEY,
    owner TEXT,                  -- the process that serves it
    until_ms BIGINT,             -- until then, unless renewed
    successor TEXT,              -- the process that is connecting to take it over
    successor_until_ms BIGINT
);

CREATE TABLE gateway_process (
    name TEXT NOT NULL PRIMARY KEY,
    until_ms BIGINT NOT NULL     -- counts as alive until then, unless renewed
);

CREATE TABLE identify_turn (
    bucket INTEGER NOT NULL PRIMARY KEY,
    next_ms BIGINT NOT NULL      -- when the next shard in this bucket may identify
);
