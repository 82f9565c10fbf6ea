-- The books: one row per programme, account, event and leg; holds; and what was refused.
--
-- An amount sits in exactly one account. An event moves amounts along its legs, each leg
-- from one account to another of the same programme, year and funder. Nothing is ever
-- edited or deleted; a mistake is put right by another event.
--
-- Every key holds the programme, so that programmes can be moved to servers of their own.
-- Where a table has two keys, only one of them begins with it: of two indexes that both do,
-- a plan made while the tables are empty may choose the one that reads a whole programme.
--
-- Rows that every posting adds (event, leg, hold, hold_leg, outbox) have no foreign keys: each
-- would be looked up and locked again, row by row, which took half the time of a batch. Only
-- `books.post` writes them, in one transaction, from rows it has just read or written under the
-- programme's lock; and `books.verify` reports whatever refers to something that is not there.

CREATE SCHEMA books AUTHORIZATION tallygrid_books;
SET LOCAL ROLE tallygrid_books;

-- What the accounts of one kind have in common.
CREATE TABLE books.account_kind (
  code            text PRIMARY KEY,
  family          text NOT NULL CHECK (family IN ('money', 'cap', 'ceiling', 'copay', 'discount')),
  is_source       boolean NOT NULL,   -- money enters the books here: the balance runs below zero
  holder_of       text NOT NULL,      -- what the holder is: 'voucher', 'party', … or '' for none
  holder_required boolean NOT NULL,
  has_group       boolean NOT NULL,   -- may belong to the budget of one class of applicants
  UNIQUE (code, is_source)
);

-- What an event of one kind does: moves money at once, or opens, uses or closes a hold.
CREATE TABLE books.event_kind (
  code  text PRIMARY KEY,
  phase text NOT NULL
    CHECK (phase IN ('direct', 'hold', 'extend', 'start', 'capture', 'release', 'expire'))
);

-- The moves an event of one kind may make. What is not here cannot be posted.
CREATE TABLE books.movement (
  event_kind  text NOT NULL REFERENCES books.event_kind,
  source_kind text NOT NULL REFERENCES books.account_kind,
  target_kind text NOT NULL REFERENCES books.account_kind,
  PRIMARY KEY (event_kind, source_kind, target_kind)
);

-- Which login role may post which kind of event.
CREATE TABLE books.permission (
  role       text NOT NULL,
  event_kind text NOT NULL REFERENCES books.event_kind,
  PRIMARY KEY (role, event_kind)
);

-- A programme, and the end of its books. Locking this row is the one lock there is.
CREATE TABLE books.programme (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code        text NOT NULL UNIQUE CHECK (code ~ '^[^[:cntrl:]]+$'),
  currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  last_seq    bigint NOT NULL DEFAULT 0,
  last_batch  bigint NOT NULL DEFAULT 0,
  head        bytea NOT NULL,                            -- the hash of the last batch
  ledger_time timestamptz NOT NULL DEFAULT '-infinity'   -- when it was posted; never goes back
) WITH (fillfactor = 20);

-- Where amounts sit. `in_fen - out_fen` is there; `held_fen` of it is spoken for.
CREATE TABLE books.account (
  programme    integer NOT NULL REFERENCES books.programme,
  id           bigint GENERATED ALWAYS AS IDENTITY,
  code         text NOT NULL,
  kind         text NOT NULL,
  is_source    boolean NOT NULL,
  year         integer NOT NULL CHECK (year BETWEEN 1000 AND 9999),
  holder       text NOT NULL,
  funder       text NOT NULL,
  budget_group text NOT NULL,
  in_fen       bigint NOT NULL DEFAULT 0 CHECK (in_fen >= 0),
  out_fen      bigint NOT NULL DEFAULT 0 CHECK (out_fen >= 0),
  held_fen     bigint NOT NULL DEFAULT 0 CHECK (held_fen >= 0),
  PRIMARY KEY (id, programme),
  UNIQUE (code, programme),
  FOREIGN KEY (kind, is_source) REFERENCES books.account_kind (code, is_source),
  CONSTRAINT never_overdrawn CHECK (is_source OR in_fen - out_fen - held_fen >= 0)
) WITH (fillfactor = 50);

-- What happened. `seq` has no gaps within a programme.
CREATE TABLE books.event (
  programme     integer NOT NULL,
  seq           bigint NOT NULL CHECK (seq > 0),
  batch         bigint NOT NULL CHECK (batch > 0),
  key           uuid NOT NULL,
  kind          text NOT NULL,
  hold          uuid,                   -- the hold that is extended, started, captured or closed
  ttl_seconds   integer CHECK (ttl_seconds > 0),
  is_final      boolean NOT NULL,       -- the last capture: the rest of the hold is released
  occurred_at   timestamptz NOT NULL    -- when it happened, as the caller says
    CHECK (occurred_at >= '1000-01-01Z' AND occurred_at < '9999-12-31Z'),
  posted_at     timestamptz NOT NULL,   -- when it was posted, as the database says
  posted_by     text NOT NULL,          -- the login role, or 'books' for what the books do alone
  reason        text NOT NULL,
  document      text NOT NULL CHECK (document ~ '^([0-9a-f]{64})?$'),
  outbox_sha256 bytea,                  -- the hash of what the application was told
  body          bytea NOT NULL,         -- the hash of what was asked: the same key, the same body
  leaf          bytea NOT NULL,         -- the hash of this row and its legs
  PRIMARY KEY (programme, seq),
  UNIQUE (key, programme)
);

-- The amounts an event moves, or, for a hold, sets aside.
CREATE TABLE books.leg (
  programme  integer NOT NULL,
  seq        bigint NOT NULL,
  no         integer NOT NULL CHECK (no > 0),
  source     bigint NOT NULL,
  target     bigint NOT NULL,
  amount_fen bigint NOT NULL CHECK (amount_fen BETWEEN 0 AND 899999999999999),
  PRIMARY KEY (programme, seq, no),
  CHECK (source <> target)
);

-- Money set aside for one piece of work, named by the key of the event that opened it.
CREATE TABLE books.hold (
  programme integer NOT NULL,
  key       uuid NOT NULL,
  seq       bigint NOT NULL,       -- of that event
  state     text NOT NULL CHECK (state IN ('open', 'started', 'captured', 'released', 'expired')),
  deadline  timestamptz NOT NULL,  -- bounds work that has not started; a started hold ignores it
  PRIMARY KEY (programme, key)
) WITH (fillfactor = 70);

CREATE INDEX hold_unstarted ON books.hold (programme, deadline, key) WHERE state = 'open';

-- How much a hold sets aside on each way, and how much of it has been captured.
CREATE TABLE books.hold_leg (
  programme    integer NOT NULL,
  hold         uuid NOT NULL,
  source       bigint NOT NULL,
  target       bigint NOT NULL,
  amount_fen   bigint NOT NULL CHECK (amount_fen > 0),
  captured_fen bigint NOT NULL DEFAULT 0 CHECK (captured_fen >= 0),
  PRIMARY KEY (programme, hold, source, target),
  CONSTRAINT never_captured_beyond_the_hold CHECK (captured_fen <= amount_fen)
) WITH (fillfactor = 70);

-- A link of the chain: the hash of the batch before and of every leaf in this one.
CREATE TABLE books.batch (
  programme integer NOT NULL REFERENCES books.programme,
  no        bigint NOT NULL CHECK (no > 0),
  first_seq bigint NOT NULL,
  last_seq  bigint NOT NULL,
  posted_at timestamptz NOT NULL,
  previous  bytea NOT NULL,
  hash      bytea NOT NULL,
  algorithm text NOT NULL,
  PRIMARY KEY (programme, no),
  CHECK (first_seq <= last_seq)
);

-- What was refused and why. The same key may succeed later.
CREATE TABLE books.refusal (
  programme  integer NOT NULL REFERENCES books.programme,
  key        uuid NOT NULL,
  attempt    integer NOT NULL CHECK (attempt > 0),
  code       text NOT NULL,
  detail     jsonb NOT NULL,
  event_kind text NOT NULL,       -- as asked: it may be a kind that does not exist
  refused_at timestamptz NOT NULL,
  refused_to text NOT NULL,       -- the login role that asked
  PRIMARY KEY (programme, key, attempt)
);

-- What the application is told, in the transaction that posts the event. Read it per
-- programme in the order of `seq`: there, and only there, nothing can arrive out of order.
CREATE TABLE books.outbox (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  programme integer NOT NULL,
  seq       bigint NOT NULL,
  topic     text NOT NULL,
  payload   jsonb NOT NULL,
  at        timestamptz NOT NULL,
  UNIQUE (programme, seq)
);

-- Not even the owner edits what has been written.
CREATE FUNCTION books.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The table books.% is only ever added to; % is refused.', tg_table_name, tg_op
    USING ERRCODE = 'restrict_violation', HINT = 'Put a mistake right by posting another event.';
END
$$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['event', 'leg', 'batch', 'refusal', 'outbox'] LOOP
    EXECUTE format(
      'CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON books.%I
         FOR EACH STATEMENT EXECUTE FUNCTION books.refuse_change()', name);
  END LOOP;
END
$$;

RESET ROLE;
