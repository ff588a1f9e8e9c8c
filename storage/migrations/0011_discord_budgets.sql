-- What all processes of the bot know together about Discord's limits. Only used on PostgreSQL.

CREATE TABLE discord_budget (
    name TEXT NOT NULL PRIMARY KEY,  -- "everything", or "channel" and its id
    state TEXT NOT NULL,             -- who wrote it and when, and what is known, as JSON
    used_ms INTEGER NOT NULL         -- when it was last written
);
