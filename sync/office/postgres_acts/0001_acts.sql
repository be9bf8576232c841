-- What people did about events that stand aside, beside the sales and the frames: all of it stays
-- when the sales are made anew, and is restored with them.

-- Data that a person gave in place of what an event says, for the sales alone: the event itself,
-- its frame and its chain stay as they are. The newest of each event.
CREATE TABLE repair (
    store bigint NOT NULL,
    gen bigint NOT NULL,
    seq bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (store, gen, seq)
);

-- Every act of a person, numbered in the order of the commits: office.db is told of them.
CREATE TABLE act (
    n bigint PRIMARY KEY,
    command text COLLATE "C" NOT NULL UNIQUE,
    wish bytea NOT NULL,                    -- SHA-256 of what was asked for, and by whom
    body bytea NOT NULL,                    -- who, when, why: JSON, for a reason may have any letter
    answer bytea NOT NULL                   -- what a repeat of its command gets again
);
CREATE TABLE act_count (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    newest bigint NOT NULL DEFAULT 0        -- the row is locked until the commit: no act is passed over
);
INSERT INTO act_count DEFAULT VALUES;

-- Events that a person has seen and leaves aside.
CREATE TABLE left_aside (
    store bigint NOT NULL,
    gen bigint NOT NULL,
    seq bigint NOT NULL,
    act bigint NOT NULL,
    PRIMARY KEY (store, gen, seq)
);
