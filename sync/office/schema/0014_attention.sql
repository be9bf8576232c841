-- What people did about events that stand aside. All of it stays when the sales are made anew.

-- Data that a person gave in place of what an event says, for the sales alone: the event itself,
-- its frame and its chain stay as they are. The newest of each event.
CREATE TABLE repair (
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (store, gen, seq)
) WITHOUT ROWID;

-- Events that a person has seen and leaves aside.
CREATE TABLE left_aside (
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (store, gen, seq)
) WITHOUT ROWID;

-- Every act of a person, with the answer that a repeat of its command gets again.
CREATE TABLE person_act (
    n INTEGER PRIMARY KEY,
    command TEXT NOT NULL UNIQUE,
    wish BLOB NOT NULL,                     -- SHA-256 of what was asked for, and by whom
    what TEXT NOT NULL,
    store INTEGER NOT NULL,
    gen INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0,         -- 0: not one event
    who TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    before BLOB NOT NULL DEFAULT x'',       -- of a repair: what the event said to the sales until then
    after BLOB NOT NULL DEFAULT x'',
    answer BLOB NOT NULL
) STRICT;
CREATE INDEX person_act_of_event ON person_act (store, gen, seq) WHERE seq > 0;

-- Digests that did not agree with what came: each is compared again when something was mended.
CREATE TABLE digest_differing (
    store INTEGER NOT NULL,
    after_seq INTEGER NOT NULL,
    upto_seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (store, after_seq, upto_seq)
) WITHOUT ROWID;
INSERT INTO digest_differing SELECT store, after_seq, upto_seq, body FROM digest WHERE verdict = 'differs';

-- What was wrong, from its beginning to its end. Table `alarm` is what is wrong at this moment,
-- whoever finds it; these follow it by themselves, in the same commit.
CREATE TABLE alarm_case (
    n INTEGER PRIMARY KEY,
    store INTEGER NOT NULL,                 -- 0: head office itself
    kind TEXT NOT NULL,
    words TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'closed')),
    opened_at INTEGER NOT NULL,             -- all in ms since 1970 UTC, 0 for not yet
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    acknowledged_by TEXT NOT NULL DEFAULT '',
    acknowledged_at INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT '',
    closed_by TEXT NOT NULL DEFAULT '',     -- empty: its cause was over
    closed_at INTEGER NOT NULL DEFAULT 0,
    closed_words TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX alarm_case_standing ON alarm_case (store, kind) WHERE state <> 'closed';

CREATE TABLE alarm_step (
    n INTEGER PRIMARY KEY,
    alarm INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;

CREATE TRIGGER alarm_begins AFTER INSERT ON alarm BEGIN
    INSERT INTO alarm_case (store, kind, words, opened_at, last_at, count)
        VALUES (new.store, new.kind, new.words, new.first_at, new.last_at, new.count);
END;
CREATE TRIGGER alarm_goes_on AFTER UPDATE ON alarm BEGIN
    UPDATE alarm_case SET words = new.words, last_at = new.last_at, count = new.count
        WHERE store = new.store AND kind = new.kind AND state <> 'closed';
END;
CREATE TRIGGER alarm_ends AFTER DELETE ON alarm BEGIN
    UPDATE alarm_case SET state = 'closed', closed_at = max(closed_at, last_at)
        WHERE store = old.store AND kind = old.kind AND state <> 'closed';
END;
CREATE TRIGGER alarm_case_begins AFTER INSERT ON alarm_case BEGIN
    INSERT INTO alarm_step (alarm, state) VALUES (new.n, new.state);
END;
CREATE TRIGGER alarm_case_steps AFTER UPDATE OF state ON alarm_case WHEN old.state <> new.state BEGIN
    INSERT INTO alarm_step (alarm, state) VALUES (new.n, new.state);
END;
INSERT INTO alarm_case (store, kind, words, opened_at, last_at, count)
    SELECT store, kind, words, first_at, last_at, count FROM alarm ORDER BY first_at;

-- When a feed was how long, and how far each box had taken it when it was there last.
CREATE TABLE feed_reached (
    feed TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (feed, cursor)
) WITHOUT ROWID;
CREATE TABLE feed_held (
    store INTEGER NOT NULL,
    feed TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    PRIMARY KEY (store, feed)
) WITHOUT ROWID;
