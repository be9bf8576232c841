-- Goods that came back in a sale count below zero there; `returned_minor` is what they gave back.
ALTER TABLE sale ADD COLUMN returned_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sale ADD COLUMN prices_include_tax INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sale_line ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sale_line ADD COLUMN returned_from TEXT NOT NULL DEFAULT '';
ALTER TABLE sale_line ADD COLUMN back_minor INTEGER NOT NULL DEFAULT 0;
DROP INDEX sale_by_day;
CREATE INDEX sale_by_day ON sale (store, day, total_minor, returned_minor)
    WHERE arrival IS NOT NULL;
