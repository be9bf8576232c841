-- By which tokens head office knows the box of a store from a copy of it (edge/contract/ratchet.py).
CREATE TABLE ratchet (
    store    INTEGER PRIMARY KEY,
    gen      INTEGER NOT NULL,          -- the generation that these are of
    kept     TEXT NOT NULL DEFAULT '',  -- the newest that the box is known to have kept; '' for none
    kept_of  INTEGER NOT NULL DEFAULT 0, -- when that was given (ms since 1970 UTC)
    given    TEXT NOT NULL DEFAULT '',  -- given since, and not known to be kept: it is given again
    given_at INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Tokens that are old, for good: whoever shows one was put back, or is a copy.
CREATE TABLE ratchet_old (
    store     INTEGER NOT NULL,
    token     TEXT NOT NULL,
    given_at  INTEGER NOT NULL,
    old_since INTEGER NOT NULL,
    -- 1: a box had it when another one, which had not, was given a generation to go on in
    elsewhere INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (store, token)
) STRICT, WITHOUT ROWID;

-- Stores of which two boxes with one key were seen alive, until a person confirms one of them.
CREATE TABLE box_twice (
    store INTEGER PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT;
