-- The event log is the truth. Everything below it follows from events, or answers a repeat.

CREATE TABLE event (
    seq  INTEGER PRIMARY KEY,          -- gap-free from 1, taken inside the commit
    body BLOB NOT NULL,                -- canonical bytes of the whole envelope
    hash BLOB NOT NULL                 -- SHA-256(hash of seq - 1 || body)
) STRICT;

-- who this ledger is; one row
CREATE TABLE identity (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    store        TEXT NOT NULL,
    store_number INTEGER NOT NULL,
    gen          INTEGER NOT NULL,
    clean        INTEGER NOT NULL,     -- 1 while closed in good order
    accepted     BLOB,                 -- head office's newest signed acknowledgement
    accepted_seq INTEGER NOT NULL DEFAULT 0
) STRICT;

-- answers by command id: a repeat gets the same bytes
CREATE TABLE command_reply (
    n           INTEGER PRIMARY KEY,
    command_id  TEXT NOT NULL UNIQUE,
    fingerprint BLOB NOT NULL,         -- of the command's meaning: another body is refused
    last_seq    INTEGER NOT NULL,      -- of its events: a cut-off tail of the log is seen here
    reply       BLOB NOT NULL          -- zlib of the answer
) STRICT;

-- what each till is in the middle of
CREATE TABLE till (
    till      TEXT PRIMARY KEY,
    receipts  INTEGER NOT NULL,        -- numbers given so far, gap-free
    open_seq  INTEGER NOT NULL,        -- first event of the sale that is not finished, or 0
    last_seq  INTEGER NOT NULL         -- first event of the last finished one, or 0
) STRICT, WITHOUT ROWID;

-- finished sales, by the seq of their completion
CREATE TABLE sale (
    seq         INTEGER PRIMARY KEY,
    receipt     TEXT NOT NULL,
    first_seq   INTEGER NOT NULL,
    total_minor INTEGER NOT NULL
) STRICT;

-- jobs the devices owe; a settled job leaves, its event stays
CREATE TABLE device_job (
    n        INTEGER PRIMARY KEY,
    job_id   TEXT NOT NULL UNIQUE,
    kind     TEXT NOT NULL,
    till     TEXT NOT NULL,
    sale     TEXT NOT NULL,
    device   TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    args     BLOB NOT NULL             -- zlib of the arguments
) STRICT;

-- tills admitted by a person
CREATE TABLE enrolment (
    secret_sha256 TEXT PRIMARY KEY,    -- one row per device; a till may be several screens
    till          TEXT NOT NULL,
    label         TEXT NOT NULL,
    seq           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
