-- Writing: what was decided becomes rows, each table in one statement or two, all in the
-- caller's transaction.
--
-- `posting_time` is the ledger's. `seqs` holds, per position, the place in the books of an event
-- that was posted, and is null elsewhere; `account_ids` holds the id of each place.

SET LOCAL ROLE tallygrid_books;

-- Open the accounts that posted legs name for the first time; returns whether there were any.
CREATE FUNCTION books.open_accounts(
  programme_id integer, places books.place[], legs books.numbered_leg[], seqs bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO books.account
    (programme, code, kind, is_source, year, holder, funder, budget_group)
  SELECT programme_id, place.code, place.kind, place.is_source, place.year, place.holder,
    place.funder, place.budget_group
  FROM unnest(places) AS place
  WHERE place.id IS NULL
    AND place.no IN (
      SELECT unnest(ARRAY[leg.source_no, leg.target_no])
      FROM unnest(legs) AS leg
      WHERE seqs[leg.position] IS NOT NULL)
  ORDER BY place.no;
  RETURN found;
END
$$;

-- Write the events; returns their leaves, one after the other.
CREATE FUNCTION books.write_events(
  book books.programme, posting_time timestamptz, role_name text, swept integer,
  events books.candidate[], seqs bigint[]
) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  leaves bytea;
  batch_no CONSTANT bigint := book.last_batch + 1;
  by_role CONSTANT text := books.posting_text(book.code, batch_no, posting_time, role_name);
  by_books CONSTANT text := books.posting_text(book.code, batch_no, posting_time, 'books');
BEGIN
  WITH written AS (
    INSERT INTO books.event
      (programme, seq, batch, key, kind, hold, ttl_seconds, is_final, occurred_at, posted_at,
       posted_by, reason, document, outbox_sha256, body, leaf)
    SELECT book.id, seqs[e.position], batch_no, e.key, e.kind, e.hold, e.ttl_seconds, e.is_final,
      e.occurred_at, posting_time, CASE WHEN e.position <= swept THEN 'books' ELSE role_name END,
      e.reason, e.document, e.outbox_sha256, e.body,
      books.leaf(seqs[e.position], e.key, e.body,
                 CASE WHEN e.position <= swept THEN by_books ELSE by_role END)
    FROM unnest(events) AS e
    WHERE seqs[e.position] IS NOT NULL
    ORDER BY e.position
    RETURNING event.seq, event.leaf
  )
  SELECT string_agg(written.leaf, '' ORDER BY written.seq) INTO leaves FROM written;
  RETURN leaves;
END
$$;

CREATE FUNCTION books.write_legs(
  programme_id integer, legs books.numbered_leg[], account_ids bigint[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO books.leg (programme, seq, no, source, target, amount_fen)
  SELECT programme_id, seqs[leg.position], leg.no, account_ids[leg.source_no],
    account_ids[leg.target_no], leg.amount_fen
  FROM unnest(legs) AS leg
  WHERE seqs[leg.position] IS NOT NULL
  ORDER BY leg.position, leg.no;
END
$$;

-- Write the holds that were opened, and the state of those that were started or closed.
CREATE FUNCTION books.write_holds(
  programme_id integer, posting_time timestamptz, events books.candidate[], held_nos integer[],
  helds books.held[], hold_states text[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO books.hold (programme, key, seq, state, deadline)
  SELECT programme_id, e.key, seqs[e.position], hold_states[held_nos[e.position]],
    posting_time + make_interval(secs => e.ttl_seconds)
  FROM unnest(events) AS e
  WHERE e.phase = 'hold' AND seqs[e.position] IS NOT NULL
  ORDER BY e.position;

  UPDATE books.hold SET state = hold_states[held.no]
  FROM unnest(helds) AS held
  WHERE hold.ctid = held.row_at AND held.state <> hold_states[held.no];
END
$$;

-- Write what was set aside on each leg of a hold, and what was captured of it.
CREATE FUNCTION books.write_hold_legs(
  programme_id integer, legs books.numbered_leg[], holds uuid[], slots books.slot[],
  account_ids bigint[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  added bigint[];     -- per slot: what this batch set aside
  captured bigint[];  -- per slot: what this batch captured
BEGIN
  SELECT array_agg(total.added ORDER BY total.no), array_agg(total.captured ORDER BY total.no)
    INTO added, captured
  FROM (
    SELECT change.no, sum(change.added)::bigint AS added, sum(change.captured)::bigint AS captured
    FROM (
      SELECT slot_no AS no,
        CASE WHEN phase = 'capture' THEN 0 ELSE amount_fen END AS added,
        CASE WHEN phase = 'capture' THEN amount_fen ELSE 0 END AS captured
      FROM unnest(legs) AS leg
      WHERE seqs[leg.position] IS NOT NULL AND leg.slot_no IS NOT NULL
      UNION ALL
      SELECT no, 0, 0 FROM unnest(slots) AS slot  -- so that none is left out
    ) AS change
    GROUP BY change.no
  ) AS total;

  INSERT INTO books.hold_leg (programme, hold, source, target, amount_fen, captured_fen)
  SELECT programme_id, holds[slot.held_no], account_ids[slot.source_no], account_ids[slot.target_no],
    added[slot.no], captured[slot.no]
  FROM unnest(slots) AS slot
  WHERE slot.row_at IS NULL AND added[slot.no] > 0
  ORDER BY slot.no;

  UPDATE books.hold_leg
  SET amount_fen = hold_leg.amount_fen + added[slot.no],
    captured_fen = hold_leg.captured_fen + captured[slot.no]
  FROM unnest(slots) AS slot
  WHERE hold_leg.ctid = slot.row_at AND (added[slot.no] > 0 OR captured[slot.no] > 0);
END
$$;

-- Write the new balances: each account once, however many legs touch it.
CREATE FUNCTION books.write_balances(
  places books.place[], legs books.numbered_leg[], slots books.slot[], given_back bigint[],
  seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  rows_at CONSTANT tid[] := ARRAY(SELECT row_at FROM unnest(places) ORDER BY no);
BEGIN
  WITH posted_leg AS (
    SELECT leg.source_no, leg.target_no, leg.amount_fen,
      leg.phase IN ('hold', 'extend') AS sets_aside,
      leg.phase = 'capture' AS captures
    FROM unnest(legs) AS leg
    WHERE seqs[leg.position] IS NOT NULL
  ), change AS (
    SELECT source_no AS no, 0 AS in_fen,
      CASE WHEN sets_aside THEN 0 ELSE amount_fen END AS out_fen,
      CASE WHEN sets_aside THEN amount_fen WHEN captures THEN -amount_fen ELSE 0 END AS held_fen
    FROM posted_leg
    UNION ALL
    SELECT target_no, amount_fen, 0, 0 FROM posted_leg WHERE NOT sets_aside
    UNION ALL  -- a hold that closed gives back what was not captured
    SELECT slot.source_no, 0, 0, -given_back[slot.no]
    FROM unnest(slots) AS slot WHERE given_back[slot.no] > 0
  ), total AS (
    SELECT no, sum(in_fen)::bigint AS in_fen, sum(out_fen)::bigint AS out_fen,
      sum(held_fen)::bigint AS held_fen
    FROM change
    GROUP BY no
    HAVING sum(in_fen) <> 0 OR sum(out_fen) <> 0 OR sum(held_fen) <> 0
  )
  UPDATE books.account
  SET in_fen = account.in_fen + total.in_fen,
    out_fen = account.out_fen + total.out_fen,
    held_fen = account.held_fen + total.held_fen
  FROM total
  WHERE account.ctid = rows_at[total.no];
END
$$;

-- Chain the batch to the one before, and move the end of the programme's books.
CREATE FUNCTION books.write_batch(
  book books.programme, posting_time timestamptz, posted integer, leaves bytea
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  new_head CONSTANT bytea := books.link(book.head, leaves);
BEGIN
  INSERT INTO books.batch
    (programme, no, first_seq, last_seq, posted_at, previous, hash, algorithm)
  VALUES (book.id, book.last_batch + 1, book.last_seq + 1, book.last_seq + posted, posting_time,
          book.head, new_head, 'sha256');

  UPDATE books.programme
  SET last_seq = book.last_seq + posted, last_batch = book.last_batch + 1, head = new_head,
    ledger_time = posting_time
  WHERE id = book.id;
END
$$;

CREATE FUNCTION books.write_outbox(
  programme_id integer, posting_time timestamptz, events books.candidate[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO books.outbox (programme, seq, topic, payload, at)
  SELECT programme_id, seqs[e.position], e.kind, e.outbox, posting_time
  FROM unnest(events) AS e
  WHERE seqs[e.position] IS NOT NULL AND e.outbox IS NOT NULL
  ORDER BY e.position;
END
$$;

-- Record what was refused; returns, per position, which attempt of its key that was.
CREATE FUNCTION books.write_refusals(
  programme_id integer, posting_time timestamptz, role_name text, events books.candidate[],
  verdicts text[], details jsonb[]
) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  attempts integer[];
BEGIN
  SELECT array_agg(refused.before + refused.now ORDER BY refused.position) INTO attempts
  FROM (
    SELECT e.position,
      (SELECT count(*) FROM books.refusal
       WHERE refusal.programme = programme_id AND refusal.key = e.key) AS before,
      count(*) FILTER (WHERE verdicts[e.position] NOT IN ('posted', 'exists'))
        OVER (PARTITION BY e.key ORDER BY e.position) AS now
    FROM unnest(events) AS e
  ) AS refused;

  INSERT INTO books.refusal
    (programme, key, attempt, code, detail, event_kind, refused_at, refused_to)
  SELECT programme_id, e.key, attempts[e.position], verdicts[e.position], details[e.position],
    coalesce(e.kind, ''), posting_time, role_name
  FROM unnest(events) AS e
  WHERE verdicts[e.position] NOT IN ('posted', 'exists');

  RETURN attempts;
END
$$;

RESET ROLE;
