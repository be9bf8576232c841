-- Feeds as they stood at a cursor, for boxes that lack most of one: the names of all chunks, each
-- SHA-256, one behind the other. `used_at` in ms since 1970 UTC, of the last offer of it.
CREATE TABLE feed_snapshot (
    feed TEXT NOT NULL,
    scope TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    names BLOB NOT NULL,
    PRIMARY KEY (feed, scope, cursor)
) WITHOUT ROWID;

-- Chunks as they go over the line, whichever snapshots they are of.
CREATE TABLE feed_chunk (
    name BLOB PRIMARY KEY,
    packed BLOB NOT NULL
) WITHOUT ROWID;
