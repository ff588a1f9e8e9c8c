-- One word per thing: a value stored under a name is a memo, and a member is notified.
ALTER TABLE fact RENAME TO memo;
ALTER TABLE job RENAME COLUMN told_ms TO notified_ms;
