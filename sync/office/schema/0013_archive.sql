-- Closed segments of the archive that were read again, by the event store that they are of.
CREATE TABLE archive_segment (
    events TEXT NOT NULL,
    partition INTEGER NOT NULL,
    number INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    root TEXT NOT NULL,
    frames INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    PRIMARY KEY (events, partition, number)
) WITHOUT ROWID;

-- Up to where each store is archived, and the segment that says so.
CREATE TABLE archive_span (
    store INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    number INTEGER NOT NULL
);
