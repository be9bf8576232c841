-- Generations that head office gave this box when it was restored from an older copy: its settings
-- name an earlier one. What became of both histories stands in the event and, for people, here.
CREATE TABLE mended (
    gen     INTEGER PRIMARY KEY,
    box_key TEXT NOT NULL,             -- whose generations they are: public key, hexadecimal
    report  BLOB NOT NULL              -- the data of `history_mended`
) STRICT;
