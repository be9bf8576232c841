-- The token by which head office knows this ledger from an older copy of it; another stands in a
-- file beside it. A ledger that was made anew has none.
CREATE TABLE ratchet (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    token TEXT NOT NULL
) STRICT;
