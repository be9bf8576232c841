-- Sales that follow from the frames of this database; `projection` says how far, by partition. All
-- of it can be made again. Texts compare by their bytes, as in office.db.
CREATE TABLE sales_store (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    frames text NOT NULL,                   -- the identity of the frames that all this follows from
    -- the row is locked by whoever completes sales, until its commit: nobody sees a higher place first
    newest_arrival bigint NOT NULL DEFAULT 0,
    newest_code bigint NOT NULL DEFAULT 0
);
CREATE TABLE projection (partition integer PRIMARY KEY, position bigint NOT NULL);
CREATE TABLE projected (store bigint PRIMARY KEY, seq bigint NOT NULL);

CREATE TABLE sale (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    till text NOT NULL,
    cashier text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    prices_include_tax boolean NOT NULL,
    opened_at bigint NOT NULL,
    state text NOT NULL,
    receipt text NOT NULL,
    day text COLLATE "C" NOT NULL,
    total_minor bigint NOT NULL,
    change_minor bigint NOT NULL,
    rounding_minor bigint NOT NULL,
    completed_at bigint NOT NULL,
    seq bigint NOT NULL,
    arrival bigint,
    returned_minor bigint NOT NULL,
    customer text NOT NULL,
    groups text NOT NULL,                   -- a JSON array
    note text NOT NULL,
    age_checked bigint NOT NULL,
    age_how text NOT NULL,
    tip_minor bigint NOT NULL,
    price_book text NOT NULL,
    PRIMARY KEY (store, sale)
);
CREATE UNIQUE INDEX sale_by_arrival ON sale (arrival) WHERE arrival IS NOT NULL;
CREATE UNIQUE INDEX sale_by_store ON sale (store, arrival) WHERE arrival IS NOT NULL;
CREATE INDEX sale_by_day ON sale (store, day) INCLUDE (total_minor, returned_minor, tip_minor)
    WHERE arrival IS NOT NULL;
CREATE INDEX sale_with_tip ON sale (store, day) WHERE tip_minor <> 0 AND arrival IS NOT NULL;

CREATE TABLE sale_line (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    line text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    name text NOT NULL,
    quantity bigint NOT NULL,
    unit text NOT NULL,
    price_minor bigint NOT NULL,
    amount_minor bigint NOT NULL,
    tax text NOT NULL,
    rate_ppm bigint NOT NULL,
    voided boolean NOT NULL,
    reduced_minor bigint NOT NULL,
    returned boolean NOT NULL,
    returned_from text NOT NULL,
    back_minor bigint NOT NULL,
    entry text NOT NULL,
    overridden boolean NOT NULL,
    PRIMARY KEY (store, sale, line)
);

CREATE TABLE tender (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    tender text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    state text NOT NULL,
    last4 text NOT NULL,
    scheme text NOT NULL,
    approver text NOT NULL,
    PRIMARY KEY (store, sale, tender)
);

CREATE TABLE sale_tax (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    tax text COLLATE "C" NOT NULL,
    rate_ppm bigint NOT NULL,
    net_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    gross_minor bigint NOT NULL,
    PRIMARY KEY (store, sale, tax, rate_ppm)
);

CREATE TABLE sale_reduction (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    line text COLLATE "C" NOT NULL,
    source text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    amount_minor bigint NOT NULL,
    PRIMARY KEY (store, sale, number)
);

CREATE TABLE line_detail (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    line text COLLATE "C" NOT NULL,
    serial text COLLATE "C" NOT NULL,
    lot text COLLATE "C" NOT NULL,
    expires text NOT NULL,                  -- YYYY-MM-DD
    tare_g bigint NOT NULL,
    minimum_age bigint NOT NULL,
    open_price boolean NOT NULL,
    deposit boolean NOT NULL,
    deposit_of text NOT NULL,
    note text NOT NULL,
    reason text NOT NULL,
    approver text NOT NULL,
    override_reason text NOT NULL,
    override_approver text NOT NULL,
    void_reason text NOT NULL,
    original_sale text COLLATE "C" NOT NULL,
    original_line text COLLATE "C" NOT NULL,
    PRIMARY KEY (store, sale, line)
);
-- a recall asks by lot, a warranty by serial number, typed by people
CREATE INDEX line_detail_by_serial ON line_detail (lower(serial)) WHERE serial <> '';
CREATE INDEX line_detail_by_lot ON line_detail (lower(lot)) WHERE lot <> '';
CREATE INDEX line_detail_by_original ON line_detail (original_sale) WHERE original_sale <> '';

CREATE TABLE discount_approval (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    discount text COLLATE "C" NOT NULL,
    approver text NOT NULL,
    PRIMARY KEY (store, sale, discount)
);

CREATE TABLE coupon_use (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    campaign text COLLATE "C" NOT NULL,
    name text NOT NULL,
    single_use boolean NOT NULL,
    used_at bigint NOT NULL,
    PRIMARY KEY (store, sale, code)
);
CREATE INDEX coupon_use_by_code ON coupon_use (code, used_at) WHERE used_at > 0;
CREATE INDEX coupon_use_by_time ON coupon_use (used_at) WHERE used_at > 0;

CREATE TABLE tip_back (
    store bigint NOT NULL,
    sale text COLLATE "C" NOT NULL,
    original_sale text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    PRIMARY KEY (store, sale, original_sale)
);

-- Single-use codes that were used up, the first use of each, numbered as they came: office.db is
-- told of them, and its feed tells the stores.
CREATE TABLE used_code (
    n bigint PRIMARY KEY,
    code text COLLATE "C" NOT NULL UNIQUE,
    store bigint NOT NULL,
    receipt text NOT NULL,
    at bigint NOT NULL
);

-- What a person has to look at, as far as it follows from sales: the others are in office.db.
CREATE TABLE alarm (
    store bigint NOT NULL,
    kind text NOT NULL,
    words text NOT NULL,
    first_at bigint NOT NULL,
    last_at bigint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (store, kind)
);

-- Events of types that this version does not know: read again after its update.
CREATE TABLE parked (
    store bigint NOT NULL,
    gen bigint NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    v bigint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (store, gen, seq)
);

-- Events that could not be read or do not fit what is there: each with a plain reason.
CREATE TABLE quarantine (
    store bigint NOT NULL,
    gen bigint NOT NULL,
    seq bigint NOT NULL,
    reason text NOT NULL,
    body bytea NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (store, gen, seq)
);
