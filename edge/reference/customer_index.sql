-- Customers by their cards, and by the beginnings of the words of their names, folded. Nothing of it
-- is left of a customer who is gone.
CREATE TABLE customer_card (
    card   TEXT NOT NULL,
    number TEXT NOT NULL,
    PRIMARY KEY (card, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_card_of ON customer_card (number);

CREATE TABLE customer_word (
    word   TEXT NOT NULL,
    number TEXT NOT NULL,
    PRIMARY KEY (word, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_word_of ON customer_word (number);
