-- Receipts by e-mail: each once, whatever came twice. Address and receipt stand in the body alone
-- and are overwritten with zeros some time after it ended; the row stays, so that a repeat is known.
CREATE TABLE mail (
    n            INTEGER PRIMARY KEY,
    store        INTEGER NOT NULL REFERENCES store (number),
    ref          TEXT NOT NULL,
    receipt      TEXT NOT NULL,
    shown        TEXT NOT NULL,             -- the address, masked; empty once it is erased
    body         BLOB NOT NULL,             -- the letter; empty once it is erased
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    words        TEXT NOT NULL DEFAULT '',  -- what hindered it last
    tries        INTEGER NOT NULL DEFAULT 0,
    arrived_at   INTEGER NOT NULL,          -- all in ms since 1970 UTC
    first_try_at INTEGER NOT NULL DEFAULT 0,
    next_at      INTEGER NOT NULL,
    ended_at     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (store, ref)
) STRICT;
CREATE INDEX mail_due ON mail (next_at) WHERE state = 'waiting';
CREATE INDEX mail_to_erase ON mail (ended_at) WHERE state <> 'waiting' AND body <> x'';
