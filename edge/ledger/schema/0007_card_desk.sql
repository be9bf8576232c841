-- card payments and refunds that people had to deal with: few sales are in it, and for ever, since
-- a terminal may answer late
CREATE TABLE card_desk (
    payment      TEXT PRIMARY KEY,     -- or refund
    reversal_seq INTEGER NOT NULL,     -- where its newest reversal was asked for, or 0
    resolved_seq INTEGER NOT NULL,     -- where a person settled it, or 0
    alarm_seq    INTEGER NOT NULL      -- the terminal's answer that waits to be looked into, or 0
) STRICT, WITHOUT ROWID;

-- tills in training: what they do there is in no other table
CREATE TABLE training (
    till TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
