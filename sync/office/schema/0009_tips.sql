-- What customers gave the staff beside the total; below zero it went back.
ALTER TABLE sale ADD COLUMN tip_minor INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sale_with_tip ON sale (store, day) WHERE tip_minor <> 0 AND arrival IS NOT NULL;

-- Tips that go back in a sale, and of which sale they were: whoever had one has it no more.
CREATE TABLE tip_back (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    original_sale TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    PRIMARY KEY (store, sale, original_sale)
) WITHOUT ROWID;
