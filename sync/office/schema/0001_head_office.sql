-- Stores, and what their boxes sent: frames byte for byte, in the order of their arrival.
CREATE TABLE store (
    number INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    box_key TEXT NOT NULL,
    gen INTEGER NOT NULL,
    box_seq INTEGER NOT NULL DEFAULT 0,
    last_contact INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE head (
    store INTEGER PRIMARY KEY,
    gen INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    settled_seq INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE frame (
    position INTEGER PRIMARY KEY,
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    last_hash BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (store, gen, last_seq)
);

-- One row for each store and kind of trouble: what happened first, last, and how often.
CREATE TABLE alarm (
    store INTEGER NOT NULL,
    kind TEXT NOT NULL,
    words TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (store, kind)
) WITHOUT ROWID;

-- What goes down: the last value of each key. scope '' is every store, else a slug.
CREATE TABLE feed_item (
    feed TEXT NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (feed, scope, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX feed_item_by_cursor ON feed_item (feed, cursor);
CREATE TABLE feed_cursor (feed TEXT PRIMARY KEY, newest INTEGER NOT NULL) WITHOUT ROWID;

-- People of head office and their sessions.
CREATE TABLE person (name TEXT PRIMARY KEY, password_hash TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE session (
    secret_sha256 TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    bound_to TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
) WITHOUT ROWID;

-- What follows from the frames; `projection` says how far. All of it can be made again.
CREATE TABLE projection (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE projected (store INTEGER PRIMARY KEY, seq INTEGER NOT NULL);

CREATE TABLE sale (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    till TEXT NOT NULL,
    cashier TEXT NOT NULL,
    currency TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'open',
    receipt TEXT NOT NULL DEFAULT '',
    day TEXT NOT NULL DEFAULT '',
    total_minor INTEGER NOT NULL DEFAULT 0,
    change_minor INTEGER NOT NULL DEFAULT 0,
    rounding_minor INTEGER NOT NULL DEFAULT 0,
    completed_at INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0,
    arrival INTEGER,
    PRIMARY KEY (store, sale)
) WITHOUT ROWID;
CREATE UNIQUE INDEX sale_by_arrival ON sale (arrival) WHERE arrival IS NOT NULL;
CREATE UNIQUE INDEX sale_by_store ON sale (store, arrival) WHERE arrival IS NOT NULL;
CREATE INDEX sale_by_day ON sale (store, day, total_minor) WHERE arrival IS NOT NULL;

CREATE TABLE sale_line (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    number INTEGER NOT NULL,
    line TEXT NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit TEXT NOT NULL,
    price_minor INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    tax TEXT NOT NULL,
    rate_ppm INTEGER NOT NULL,
    voided INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (store, sale, line)
) WITHOUT ROWID;

CREATE TABLE tender (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    number INTEGER NOT NULL,
    tender TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    state TEXT NOT NULL,
    last4 TEXT NOT NULL DEFAULT '',
    scheme TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (store, sale, tender)
) WITHOUT ROWID;

CREATE TABLE sale_tax (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    tax TEXT NOT NULL,
    rate_ppm INTEGER NOT NULL,
    net_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    gross_minor INTEGER NOT NULL,
    PRIMARY KEY (store, sale, tax, rate_ppm)
) WITHOUT ROWID;

-- Events of types that this version does not know: read again after its update.
CREATE TABLE parked (
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    v INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (store, gen, seq)
) WITHOUT ROWID;
CREATE INDEX parked_by_type ON parked (type, v, position);

-- Events that could not be read or do not fit what is there: each with a plain reason.
CREATE TABLE quarantine (
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    body BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (store, gen, seq)
) WITHOUT ROWID;
