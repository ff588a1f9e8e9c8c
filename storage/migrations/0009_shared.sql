-- State that one process used to keep in memory and that others on the same database need.

ALTER TABLE job ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;  -- unexpected ones in a row, in this state
