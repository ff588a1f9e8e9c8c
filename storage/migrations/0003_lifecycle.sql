-- Jobs that nobody can collect for now or that a restore put on hold, jobs set aside, what is spent in a day, and which
-- progress messages are behind their jobs.

ALTER TABLE job ADD COLUMN named_task_id TEXT;  -- named by a callback, not confirmed by the provider yet
ALTER TABLE job ADD COLUMN waits_for TEXT;  -- why an accepted job is not simply waiting for its turn
ALTER TABLE job ADD COLUMN post_tried_ms BIGINT;  -- since when a message with its end may be there unbeknown to us
ALTER TABLE job ADD COLUMN set_aside_ms BIGINT;  -- it cannot be worked on: no worker sees it

DROP INDEX job_live;
CREATE INDEX job_live ON job (accepted_ms, id)
    WHERE state IN ('accepted', 'submitting', 'running', 'overdue', 'finished', 'uncollected', 'on_hold');
CREATE INDEX job_uncollected ON job (guild_id, due_ms) WHERE state = 'uncollected';
CREATE INDEX job_task ON job (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX job_set_aside ON job (set_aside_ms) WHERE set_aside_ms IS NOT NULL;

-- The earlier release counted a try before each post: it may have succeeded.
UPDATE job SET post_tried_ms = coalesce(finished_ms, ended_ms, accepted_ms)
 WHERE state IN ('finished', 'failed') AND due_ms IS NOT NULL AND attempts > 0;

-- Whose command it is, so that members take turns. Old rows are all finished or about to be taken over.
ALTER TABLE intake ADD COLUMN member_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE intake ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;  -- the round in which it is read
CREATE INDEX intake_open_of_member ON intake (member_id, turn) WHERE due_ms IS NOT NULL;
CREATE INDEX intake_in_turn ON intake (turn, interaction_id) WHERE due_ms IS NOT NULL;

-- Submissions that may have cost credits, by UTC day and server; 0 stands for direct messages.
CREATE TABLE spending (
    day TEXT NOT NULL,  -- 2026-11-24
    guild_id BIGINT NOT NULL,
    submissions INTEGER NOT NULL,
    PRIMARY KEY (day, guild_id)
);

-- One row for each job whose progress message may still change. `version` grows with each change of the job that a
-- member could see; `due_ms` says when the message should be brought up to date, NULL while it is. Claiming a message
-- moves it ahead, as with jobs.
CREATE TABLE progress (
    job_id TEXT NOT NULL PRIMARY KEY REFERENCES job (id),
    version BIGINT NOT NULL,
    due_ms BIGINT,
    not_before_ms BIGINT,  -- a change is not shown before: a worker has the message, or it was just edited
    failures INTEGER NOT NULL DEFAULT 0,  -- how often in a row it could not be shown
    queue_band INTEGER  -- the part of the queue that the message names, while the job waits
);

CREATE INDEX progress_due ON progress (due_ms) WHERE due_ms IS NOT NULL;

-- Everything that is on its way when the new release starts gets its message brought up to date once.
INSERT INTO progress (job_id, version, due_ms)
SELECT id, 1, 0 FROM job WHERE state IN ('accepted', 'submitting', 'running', 'overdue', 'finished');
