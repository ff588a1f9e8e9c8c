-- The bodies of callbacks get a table of their own, which holds only what is still to be applied or was set aside. An
-- applied callback leaves its digest behind, so that a repeat is recognised; deleting a callback deletes its body too.

CREATE TABLE callback_body (
    callback_id INTEGER NOT NULL PRIMARY KEY REFERENCES callback (id) ON DELETE CASCADE,
    body BYTEA NOT NULL,
    set_aside_ms BIGINT,  -- NULL while it is still to be applied
    reason TEXT  -- why it was set aside
);

INSERT INTO callback_body (callback_id, body)
SELECT id, body FROM callback WHERE applied_ms IS NULL AND body IS NOT NULL;

CREATE INDEX callback_set_aside ON callback_body (set_aside_ms) WHERE set_aside_ms IS NOT NULL;

-- One row: the id given last. Ids keep growing, also when the newest callbacks have been removed with their jobs.
CREATE TABLE inbox (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    newest_id BIGINT NOT NULL
);

INSERT INTO inbox (id, newest_id) SELECT 1, coalesce(max(id), 0) FROM callback;

DROP INDEX callback_pending;
ALTER TABLE callback DROP COLUMN body;
ALTER TABLE callback DROP COLUMN applied_ms;
