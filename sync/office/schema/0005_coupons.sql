-- Coupons of sales that are open, and (used_at, ms since 1970) of completed ones that used them up.
CREATE TABLE coupon_use (
    store INTEGER NOT NULL,
    sale TEXT NOT NULL,
    code TEXT NOT NULL,
    campaign TEXT NOT NULL,
    name TEXT NOT NULL,
    single_use INTEGER NOT NULL,
    used_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (store, sale, code)
) WITHOUT ROWID;
CREATE INDEX coupon_use_by_code ON coupon_use (code, used_at) WHERE used_at > 0;
CREATE INDEX coupon_use_by_time ON coupon_use (used_at) WHERE used_at > 0;
