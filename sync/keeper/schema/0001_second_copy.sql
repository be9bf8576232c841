-- Boxes whose frames are kept here. A person introduces each by its number, name and key.
CREATE TABLE box (
    number INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    box_key TEXT NOT NULL UNIQUE,
    gen INTEGER NOT NULL,
    box_seq INTEGER NOT NULL DEFAULT 0,
    last_contact INTEGER NOT NULL DEFAULT 0
);

-- Boxes that another one took the place of: their frames stay theirs.
CREATE TABLE box_before (
    number INTEGER NOT NULL,
    gen INTEGER NOT NULL,
    box_key TEXT NOT NULL,
    PRIMARY KEY (number, gen)
) WITHOUT ROWID;

-- As at head office, with one difference: nothing is ever settled here.
CREATE TABLE head (
    store INTEGER PRIMARY KEY,
    gen INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    settled_seq INTEGER NOT NULL DEFAULT 0 CHECK (settled_seq = 0)
);

CREATE TABLE frame (
    position INTEGER PRIMARY KEY,
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    last_hash BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (store, gen, last_seq)
);

-- One row for each store and kind of trouble: what happened first, last, and how often.
CREATE TABLE alarm (
    store INTEGER NOT NULL,
    kind TEXT NOT NULL,
    words TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (store, kind)
) WITHOUT ROWID;
