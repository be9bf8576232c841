-- Histories that a box had before head office mended its history: what was kept of each behind the
-- last event that both have, whole, and never deleted.
CREATE TABLE branch_aside (
    n INTEGER PRIMARY KEY,
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL,                   -- the box's generation until then
    common_seq INTEGER NOT NULL,            -- its events up to here are before the frames set aside
    head_gen INTEGER NOT NULL,
    head_seq INTEGER NOT NULL,              -- where it ended
    head_hash BLOB NOT NULL,
    next_gen INTEGER NOT NULL,              -- what the box went on in
    at INTEGER NOT NULL,                    -- ms since 1970 UTC
    fate TEXT NOT NULL                      -- 'taken_up', 'unsure'; 'there' once the new history has it
) STRICT;
CREATE TABLE frame_aside (
    branch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    last_hash BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (branch, position)
);
-- Behind which event head office gave a box its generation; 0 where it was introduced in it.
ALTER TABLE box ADD COLUMN behind_gen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE box ADD COLUMN behind_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE box ADD COLUMN behind_hash TEXT NOT NULL DEFAULT '';
