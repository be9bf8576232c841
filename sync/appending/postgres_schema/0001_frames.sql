-- Frames byte for byte. `partition` is the store's number modulo the number of partitions, which
-- was chosen once and stands here: positions rise by one within a partition, in order of commit.
CREATE TABLE event_store (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    identity text NOT NULL DEFAULT gen_random_uuid()::text,
    partitions integer NOT NULL CHECK (partitions > 0)
);

-- The row is locked by whoever appends: nobody has a higher position before it is committed.
CREATE TABLE partition (number integer PRIMARY KEY, position bigint NOT NULL DEFAULT 0);

CREATE TABLE head (
    store bigint PRIMARY KEY,
    gen bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    settled_seq bigint NOT NULL DEFAULT 0
);

CREATE TABLE frame (
    partition integer NOT NULL,
    position bigint NOT NULL,
    store bigint NOT NULL,
    gen bigint NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    last_hash bytea NOT NULL,
    accepted_at bigint NOT NULL,            -- ms since 1970 UTC
    body bytea NOT NULL,
    PRIMARY KEY (partition, position),
    UNIQUE (partition, store, gen, last_seq)
) PARTITION BY LIST (partition);
ALTER TABLE frame ALTER COLUMN body SET STORAGE EXTERNAL;  -- packed already
