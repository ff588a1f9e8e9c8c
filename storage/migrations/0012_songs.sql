-- Where a job came from: its source as its member named it, and the job and the take from whose message it was made.
-- Compatible from: 0011

ALTER TABLE job ADD COLUMN source_choice TEXT;  -- JSON; NULL: an earlier release made the job
ALTER TABLE job ADD COLUMN parent_job_id TEXT;  -- it may be gone
ALTER TABLE job ADD COLUMN parent_track_id TEXT;  -- the take that it continues; NULL: it repeats its parent's request
ALTER TABLE job ADD COLUMN song_id TEXT;  -- the first job of the song; NULL: itself

CREATE INDEX job_song ON job (coalesce(song_id, id), accepted_ms);
