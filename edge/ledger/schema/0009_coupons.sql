-- single-use coupons: which sale holds one, and which used it up
CREATE TABLE coupon (
    code    TEXT PRIMARY KEY,
    sale    TEXT NOT NULL,
    receipt TEXT NOT NULL              -- of the sale that used it up; empty while one holds it
) STRICT, WITHOUT ROWID;
CREATE INDEX coupon_held ON coupon (sale) WHERE receipt = '';
