-- What forms are opened with, so that any process can open them again and take in what they say.
-- Compatible from: 0011

CREATE TABLE draft (
    id TEXT PRIMARY KEY,
    member_id BIGINT NOT NULL,
    payload TEXT NOT NULL,  -- JSON
    problems TEXT NOT NULL,  -- JSON: the sentences
    made_ms BIGINT NOT NULL
);

CREATE INDEX draft_made ON draft (made_ms);
