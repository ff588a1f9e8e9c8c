-- When each line of a take is sung: each is a paid question to the provider, asked at most once. And how many of them a
-- day's credits went into.
-- Compatible from: 0011

CREATE TABLE timed_lyrics (
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    track_id TEXT NOT NULL,
    member_id BIGINT NOT NULL,  -- who asked
    day TEXT NOT NULL,  -- UTC, on which it counts for that member
    asked_ms BIGINT NOT NULL,
    lines TEXT,  -- JSON; NULL: no clear answer, perhaps not yet
    PRIMARY KEY (job_id, track_id)
);

CREATE INDEX timed_lyrics_of_day ON timed_lyrics (member_id, day);

ALTER TABLE spending ADD COLUMN timed_lyrics BIGINT NOT NULL DEFAULT 0;
