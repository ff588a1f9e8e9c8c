-- The first shape: jobs with their tracks, the queue, the quota's ledger, commands and callbacks as they came, and
-- small facts by name.
--
-- Written in what SQLite >= 3.35 and PostgreSQL share. Names end in _ms for milliseconds since 1970 (UTC). BYTEA is
-- PostgreSQL's type for bytes; to SQLite it is any name. Flags are 0 or 1. JSON is kept as text.

CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    stage TEXT NOT NULL,
    turn BIGINT NOT NULL,  -- the round of the queue in which it is submitted, and
    seat BIGINT NOT NULL,  -- its member's place in that round
    application_id BIGINT NOT NULL,
    interaction_id BIGINT NOT NULL UNIQUE,
    interaction_token TEXT NOT NULL,
    guild_id BIGINT,
    channel_id BIGINT NOT NULL,
    member_id BIGINT NOT NULL,
    locale TEXT NOT NULL,
    private SMALLINT NOT NULL,
    received_ms BIGINT NOT NULL,
    request TEXT NOT NULL,  -- JSON of ExtensionRequest
    continue_at DOUBLE PRECISION NOT NULL,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    source_url TEXT NOT NULL,
    source TEXT NOT NULL,  -- JSON of AudioFacts
    callback_token TEXT NOT NULL UNIQUE,
    task_id TEXT,
    outcome_unknown SMALLINT NOT NULL,
    failure TEXT,  -- JSON of Failure
    accepted_ms BIGINT NOT NULL,
    submitted_ms BIGINT,
    heard_ms BIGINT,
    finished_ms BIGINT,
    ended_ms BIGINT,
    attempts INTEGER NOT NULL,
    due_ms BIGINT,
    progress_message_id BIGINT,
    final_message_id BIGINT,
    final_channel_id BIGINT,
    told_ms BIGINT
);

-- What is looked for all the time must not grow with the jobs that are over: partial indexes, and lists of a member.
CREATE UNIQUE INDEX job_queue ON job (turn, seat) WHERE state = 'accepted';
CREATE INDEX job_due ON job (state, due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX job_live ON job (accepted_ms, id)
    WHERE state IN ('accepted', 'submitting', 'running', 'overdue', 'finished');
CREATE INDEX job_finished ON job (finished_ms, submitted_ms) WHERE finished_ms IS NOT NULL AND submitted_ms IS NOT NULL;
CREATE INDEX job_of_member ON job (member_id, accepted_ms, id);
CREATE INDEX job_id_of_member ON job (member_id, id);
CREATE INDEX job_turn_of_member ON job (member_id, turn) WHERE state <> 'cancelled';
CREATE INDEX job_waiting_of_member ON job (member_id, turn) WHERE state = 'accepted';
CREATE INDEX job_delivered_to_member ON job (member_id, ended_ms, id) WHERE state = 'delivered';

CREATE TABLE track (
    job_id TEXT NOT NULL REFERENCES job (id),
    track_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    audio_url TEXT NOT NULL,
    stream_url TEXT NOT NULL,
    image_url TEXT NOT NULL,
    title TEXT NOT NULL,
    tags TEXT NOT NULL,
    lyrics TEXT NOT NULL,
    model_name TEXT NOT NULL,
    length_seconds DOUBLE PRECISION,
    search_words TEXT NOT NULL,  -- title and tags as they are compared: in any case, in any script
    PRIMARY KEY (job_id, track_id)
);

CREATE INDEX track_by_id ON track (track_id);

-- One row. `turn` is the latest round in which a job was submitted; `seats` counts the seats ever given.
CREATE TABLE queue (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    turn BIGINT NOT NULL,
    seats BIGINT NOT NULL
);

INSERT INTO queue (id, turn, seats) VALUES (1, 0, 0);

-- One row for each unit of quota. No reference to its job: the unit is held before the job is written.
CREATE TABLE quota_unit (
    job_id TEXT NOT NULL PRIMARY KEY,
    member_id BIGINT NOT NULL,
    guild_id BIGINT,
    day TEXT NOT NULL,  -- UTC, 2026-11-22
    held_ms BIGINT NOT NULL,
    outcome TEXT CHECK (outcome IN ('spent', 'returned')),  -- NULL while it is held
    settled_ms BIGINT
);

CREATE INDEX quota_unit_of_member ON quota_unit (member_id, day, outcome);

-- A finished one keeps its row, so that its interaction is never taken again.
CREATE TABLE intake (
    interaction_id BIGINT NOT NULL PRIMARY KEY,
    payload TEXT,  -- JSON of Intake, with its token; NULL once it is finished
    due_ms BIGINT
);

CREATE INDEX intake_due ON intake (due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE callback (
    id BIGINT NOT NULL PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES job (id),
    digest BYTEA NOT NULL,
    body BYTEA,  -- NULL once it is applied: the job has what it said
    received_ms BIGINT NOT NULL,
    applied_ms BIGINT,
    UNIQUE (job_id, digest)
);

CREATE INDEX callback_pending ON callback (id) WHERE applied_ms IS NULL;

CREATE TABLE fact (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
