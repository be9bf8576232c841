-- What head office sent down. Last value per key; one cursor per feed.

CREATE TABLE feed (
    feed     TEXT PRIMARY KEY,
    cursor   INTEGER NOT NULL,
    taken_at INTEGER NOT NULL          -- ms since 1970 UTC, of the last contact about it
) STRICT, WITHOUT ROWID;

CREATE TABLE item (
    feed  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,               -- JSON as head office sent it
    PRIMARY KEY (feed, key)
) STRICT, WITHOUT ROWID;

-- every way to ask for an article: 'g' GTIN in 14 digits, 's' SKU, 'p' PLU
CREATE TABLE code (
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    sku  TEXT NOT NULL,
    PRIMARY KEY (kind, code, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX code_of_sku ON code (sku);

-- what a person types into the search box, folded
CREATE TABLE search (
    sku  TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE quick_key (
    sku   TEXT PRIMARY KEY,
    page  TEXT NOT NULL,
    place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
