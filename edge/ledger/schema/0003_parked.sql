-- sales that are set aside: on no till, and to be taken up at any
CREATE TABLE parked (
    sale      TEXT PRIMARY KEY,
    first_seq INTEGER NOT NULL,        -- of the sale
    seq       INTEGER NOT NULL         -- of its parking
) STRICT, WITHOUT ROWID;
