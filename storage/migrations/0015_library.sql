-- The public results of a server, newest first, and members' own sets of options for `/extend`.
-- Compatible from: 0011

CREATE INDEX job_public ON job (guild_id, ended_ms, id) WHERE state = 'delivered' AND private = 0;

CREATE TABLE preset (
    member_id BIGINT NOT NULL,
    name_folded TEXT NOT NULL,  -- as names are compared
    name TEXT NOT NULL,
    options TEXT NOT NULL,  -- JSON of PresetOptions
    is_in_use SMALLINT NOT NULL DEFAULT 0,  -- 1: it counts wherever the member names none
    PRIMARY KEY (member_id, name_folded)
);
