-- Answers whose ids begin with their time lie where these say (`edge.ledger.kept_replies`): no index lies
-- beside them, and what comes next goes to the end. `command_reply` keeps those of other ids.
CREATE TABLE timed_reply (
    n           INTEGER PRIMARY KEY,   -- the place of the id, or the next free one behind it
    command_id  TEXT NOT NULL,
    fingerprint BLOB NOT NULL,         -- as in command_reply
    last_seq    INTEGER NOT NULL,
    reply       BLOB NOT NULL
) STRICT;
