-- sales that a security device has to do with: what it holds open, and what became of each
CREATE TABLE fiscal (
    sale           TEXT PRIMARY KEY,
    client         TEXT NOT NULL,
    transaction_no INTEGER NOT NULL,     -- 0: none was started
    started_at     INTEGER NOT NULL,
    opened_seq     INTEGER NOT NULL,
    open           INTEGER NOT NULL,     -- 1: the device holds it open, as far as is known
    outcome_seq    INTEGER NOT NULL      -- fiscal_signed or fiscal_missed; 0: not yet
) STRICT, WITHOUT ROWID;
CREATE INDEX fiscal_open ON fiscal (sale) WHERE open = 1;
