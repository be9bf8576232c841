-- tips that go back, or went back, in another sale: each once
CREATE TABLE returned_tip (
    original_sale TEXT PRIMARY KEY,
    sale          TEXT NOT NULL        -- that gives it back
) STRICT, WITHOUT ROWID;
CREATE INDEX returned_tip_by_sale ON returned_tip (sale);
