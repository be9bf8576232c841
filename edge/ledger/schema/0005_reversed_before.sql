-- card payments of which a terminal said, when asked to take them back, that they had been
-- reversed before: nobody knows by whom, and the customer may have the money
CREATE TABLE reversed_before (
    original_sale   TEXT NOT NULL,
    original_tender TEXT NOT NULL,
    PRIMARY KEY (original_sale, original_tender)
) STRICT, WITHOUT ROWID;
