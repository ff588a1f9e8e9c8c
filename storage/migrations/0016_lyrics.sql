-- Orders of lyrics, each at most one paid request to the provider; and how many of them a day's credits went into.
-- Compatible from: 0011

CREATE TABLE lyrics_order (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    member_id BIGINT NOT NULL,
    day TEXT,  -- UTC, on which it counts for its member; NULL: it does not count
    callback_token TEXT UNIQUE,  -- NULL until its member has agreed to the cost
    task_id TEXT,
    payload TEXT NOT NULL,  -- JSON, with the token of the click that is answered
    due_ms BIGINT,  -- NULL: nothing is owed
    claimed_by TEXT,
    made_ms BIGINT NOT NULL
);

CREATE INDEX lyrics_order_due ON lyrics_order (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX lyrics_order_of_day ON lyrics_order (member_id, day) WHERE day IS NOT NULL;
CREATE INDEX lyrics_order_of_member ON lyrics_order (member_id, made_ms);
CREATE INDEX lyrics_order_by_task ON lyrics_order (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX lyrics_order_made ON lyrics_order (made_ms);

ALTER TABLE spending ADD COLUMN lyrics BIGINT NOT NULL DEFAULT 0;
