-- What lines carry beside article and price; a row for those lines only that carry something.
CREATE TABLE line_detail (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    line TEXT NOT NULL,
    serial TEXT NOT NULL DEFAULT '',
    lot TEXT NOT NULL DEFAULT '',
    expires TEXT NOT NULL DEFAULT '',           -- YYYY-MM-DD
    tare_g INTEGER NOT NULL DEFAULT 0,
    minimum_age INTEGER NOT NULL DEFAULT 0,
    open_price INTEGER NOT NULL DEFAULT 0,
    deposit INTEGER NOT NULL DEFAULT 0,
    deposit_of TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',            -- why goods came back
    approver TEXT NOT NULL DEFAULT '',          -- of an open price, or of goods that came back
    override_reason TEXT NOT NULL DEFAULT '',
    override_approver TEXT NOT NULL DEFAULT '',
    void_reason TEXT NOT NULL DEFAULT '',
    original_sale TEXT NOT NULL DEFAULT '',     -- that had sold what came back
    original_line TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (store, sale, line)
) WITHOUT ROWID;
-- a recall asks by lot, a warranty by serial number, typed by people
CREATE INDEX line_detail_by_serial ON line_detail (serial COLLATE NOCASE) WHERE serial <> '';
CREATE INDEX line_detail_by_lot ON line_detail (lot COLLATE NOCASE) WHERE lot <> '';

CREATE INDEX line_detail_by_original ON line_detail (original_sale) WHERE original_sale <> '';

-- Who allowed a discount that a cashier alone might not give.
CREATE TABLE discount_approval (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    discount TEXT NOT NULL,
    approver TEXT NOT NULL,
    PRIMARY KEY (store, sale, discount)
) WITHOUT ROWID;

ALTER TABLE sale ADD COLUMN note TEXT NOT NULL DEFAULT '';
-- The age that the customer was found to have at least, 0 for not asked; never a birth date.
ALTER TABLE sale ADD COLUMN age_checked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sale ADD COLUMN age_how TEXT NOT NULL DEFAULT '';
ALTER TABLE tender ADD COLUMN approver TEXT NOT NULL DEFAULT '';

-- Sales that are here already: their details are read out of the stored frames, beside what comes.
INSERT INTO projection (name, position) SELECT 'details', 0 FROM projection WHERE name = 'sales';
