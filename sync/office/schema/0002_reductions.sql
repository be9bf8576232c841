-- What promotions take off the lines of a sale, as its newest PricesReduced says.
ALTER TABLE sale_line ADD COLUMN reduced_minor INTEGER NOT NULL DEFAULT 0;

CREATE TABLE sale_reduction (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    number INTEGER NOT NULL,
    line TEXT NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    PRIMARY KEY (store, sale, number)
) WITHOUT ROWID;
