-- What customers gave the staff beside the total.
ALTER TABLE sale ADD COLUMN tip_minor INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sale_with_tip ON sale (day, store) WHERE tip_minor <> 0 AND arrival IS NOT NULL;
