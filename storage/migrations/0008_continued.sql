-- A job that its member continued after a restore waits anew from then on.

ALTER TABLE job ADD COLUMN continued_ms BIGINT;  -- when its member pressed `Continue`

CREATE INDEX job_waiting ON job (coalesce(continued_ms, accepted_ms), id) WHERE state = 'accepted';
