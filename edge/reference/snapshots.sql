-- Snapshots of feeds on their way into `item`: what was offered, and the parts that have come.
CREATE TABLE snapshot (
    feed  TEXT PRIMARY KEY,
    offer BLOB NOT NULL                -- JSON as head office signed it
) STRICT, WITHOUT ROWID;

-- A piece of the list of chunks has no keys; of a chunk its first and its last.
CREATE TABLE snapshot_part (
    feed      TEXT NOT NULL,
    name      BLOB NOT NULL,
    packed    BLOB NOT NULL,
    first_key TEXT,
    last_key  TEXT,
    PRIMARY KEY (feed, name)
) STRICT, WITHOUT ROWID;
