-- how often people had the receipt of a sale printed again: few sales are in it
CREATE TABLE reprinted (
    sale   TEXT PRIMARY KEY,
    copies INTEGER NOT NULL,           -- marked COPY
    gifts  INTEGER NOT NULL            -- gift receipts
) STRICT, WITHOUT ROWID;
