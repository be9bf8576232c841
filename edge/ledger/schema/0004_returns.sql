-- goods of a sale that are coming back, or came back, in another: gone again once voided
CREATE TABLE returned_line (
    sale          TEXT NOT NULL,       -- that takes them back
    line          TEXT NOT NULL,
    original_sale TEXT NOT NULL,       -- that sold them
    original_line TEXT NOT NULL,
    quantity      INTEGER NOT NULL,    -- thousandths
    net_minor     INTEGER NOT NULL,
    tax_minor     INTEGER NOT NULL,
    gross_minor   INTEGER NOT NULL,
    PRIMARY KEY (sale, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX returned_line_by_original ON returned_line (original_sale);

-- money that tenders of a sale had brought and that went back in another
CREATE TABLE refunded_tender (
    sale            TEXT NOT NULL,     -- that gives it back
    tender          TEXT NOT NULL,
    original_sale   TEXT NOT NULL,
    original_tender TEXT NOT NULL,
    amount_minor    INTEGER NOT NULL,
    PRIMARY KEY (sale, tender, original_sale, original_tender)
) STRICT, WITHOUT ROWID;
CREATE INDEX refunded_tender_by_original ON refunded_tender (original_sale);
