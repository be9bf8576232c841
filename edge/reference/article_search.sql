-- What a person types into the search box, folded; `id` is what the index below counts by. None is
-- ever given again: in one transaction FTS5 (seen in SQLite 3.40) loses rows whose id was taken out,
-- put in again and written out in between.
CREATE TABLE article_text (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    sku  TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL
) STRICT;

-- The pieces of every word: no positions, no copy of the text, and whatever is not a space belongs
-- to a piece.
CREATE VIRTUAL TABLE article_piece USING fts5(
    pieces, content = '', detail = none, columnsize = 0,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* P* S* Co Cn'"
);
