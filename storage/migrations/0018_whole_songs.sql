-- Whole songs that members have asked for and that have not been posted yet.
-- Compatible from: 0011

-- `due_ms` says when a worker looks at it next. Claiming it moves that ahead. The row goes once the member knows.
CREATE TABLE whole_song (
    interaction_id BIGINT NOT NULL PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    member_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    payload TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    tried_ms BIGINT,  -- since when it may be posted without our knowing
    due_ms BIGINT NOT NULL,
    claimed_by TEXT
);

CREATE INDEX whole_song_due ON whole_song (due_ms);
CREATE INDEX whole_song_of_member ON whole_song (member_id);
CREATE INDEX whole_song_of_job ON whole_song (job_id);
CREATE INDEX whole_song_at_message ON whole_song (message_id);
