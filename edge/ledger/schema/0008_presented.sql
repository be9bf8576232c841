-- sales that this box does not have, and whose signed receipts were shown here
CREATE TABLE presented (
    sale TEXT PRIMARY KEY,
    seq  INTEGER NOT NULL              -- of the event that holds the receipt's code
) STRICT, WITHOUT ROWID;
