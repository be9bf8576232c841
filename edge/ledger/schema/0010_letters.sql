-- Receipts by e-mail that head office does not have yet. Addresses stand here alone, beside the
-- chain, which has a salted seal of each; a row is overwritten with zeros once head office has it.
CREATE TABLE letter (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    ref      TEXT NOT NULL UNIQUE,     -- that of its event
    receipt  TEXT NOT NULL,
    asked_at INTEGER NOT NULL,         -- ms since 1970 UTC
    address  TEXT NOT NULL,
    salt     TEXT NOT NULL
) STRICT;
-- how often the receipt of a sale was sent by e-mail
ALTER TABLE reprinted ADD COLUMN letters INTEGER NOT NULL DEFAULT 0;
