-- What the box of a store said it holds of its price books: the newest of each store.
CREATE TABLE books_held (
    store INTEGER PRIMARY KEY,
    came_at INTEGER NOT NULL,
    config INTEGER NOT NULL,
    price INTEGER NOT NULL,
    body BLOB NOT NULL
);
-- The book whose prices a sale used; empty for none.
ALTER TABLE sale ADD COLUMN price_book TEXT NOT NULL DEFAULT '';

-- Sales that are here already: their book is read out of the stored frames, beside what comes.
DELETE FROM projection WHERE name = 'details';
INSERT INTO projection (name, position) SELECT 'details', 0 FROM projection WHERE name = 'sales';
