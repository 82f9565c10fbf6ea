-- Writing: what was decided becomes rows, all in the caller's transaction.
--
-- `posting_time` is the ledger's; `seqs` holds, per position, the place in the books of an event that was posted, and is
-- null elsewhere; `account_ids` holds the id of each place.

SET LOCAL ROLE tallygrid_books;

-- Open the accounts that posted legs name for the first time.
CREATE FUNCTION books.open_accounts(
  programme_id integer, places books.place[], legs books.numbered_leg[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
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
END
$$;

CREATE FUNCTION books.read_account_ids(programme_id integer, places books.place[])
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(coalesce(place.id, account.id) ORDER BY place.no), '{}')
    FROM unnest(places) AS place
    LEFT JOIN books.account
      ON place.id IS NULL AND account.programme = programme_id AND account.code = place.code
  );
END
$$;

CREATE FUNCTION books.write_events(
  book books.programme, posting_time timestamptz, role_name text, swept integer,
  asked books.asked_event[], events books.candidate[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO books.event
    (programme, seq, batch, key, kind, hold, ttl_seconds, is_final, occurred_at, posted_at,
     posted_by, reason, document, outbox_sha256, body, leaf)
  SELECT book.id, seqs[e.position], book.last_batch + 1, e.key, e.kind, e.hold, e.ttl_seconds,
    e.is_final, e.occurred_at, posting_time, poster.name, e.reason, e.document,
    (events[e.position]).outbox_sha256, (events[e.position]).body,
    books.leaf(book.code, seqs[e.position], book.last_batch + 1, e.key,
               (events[e.position]).body, posting_time, poster.name)
  FROM unnest(asked) AS e
  CROSS JOIN LATERAL (
    SELECT CASE WHEN e.position <= swept THEN 'books' ELSE role_name END AS name) AS poster
  WHERE seqs[e.position] IS NOT NULL
  ORDER BY e.position;
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

-- Write what posted events did to the holds they opened, extended, captured or closed.
CREATE FUNCTION books.write_holds(
  programme_id integer, posting_time timestamptz, asked books.asked_event[],
  events books.candidate[], legs books.numbered_leg[], slots books.slot[],
  helds books.held[], hold_states text[], account_ids bigint[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  held books.held;
  captured books.numbered_leg;
BEGIN
  INSERT INTO books.hold (programme, key, seq, state, deadline)
  SELECT programme_id, e.key, seqs[e.position], hold_states[(events[e.position]).held_no],
    posting_time + make_interval(secs => e.ttl_seconds)
  FROM unnest(asked) AS e
  WHERE e.phase = 'hold' AND seqs[e.position] IS NOT NULL;

  FOREACH held IN ARRAY helds LOOP
    IF held.state <> hold_states[held.no] THEN
      UPDATE books.hold SET state = hold_states[held.no]
      WHERE programme = programme_id AND key = held.key;
    END IF;
  END LOOP;

  INSERT INTO books.hold_leg (programme, hold, source, target, amount_fen)
  SELECT programme_id, (slots[leg.slot_no]).hold, account_ids[leg.source_no],
    account_ids[leg.target_no], sum(leg.amount_fen)
  FROM unnest(legs) AS leg
  WHERE seqs[leg.position] IS NOT NULL AND (events[leg.position]).phase IN ('hold', 'extend')
  GROUP BY leg.slot_no, leg.source_no, leg.target_no
  ON CONFLICT (programme, hold, source, target)
    DO UPDATE SET amount_fen = hold_leg.amount_fen + excluded.amount_fen;

  FOREACH captured IN ARRAY legs LOOP
    IF seqs[captured.position] IS NOT NULL AND (events[captured.position]).phase = 'capture' THEN
      UPDATE books.hold_leg SET captured_fen = captured_fen + captured.amount_fen
      WHERE programme = programme_id AND hold = (slots[captured.slot_no]).hold
        AND source = account_ids[captured.source_no] AND target = account_ids[captured.target_no];
    END IF;
  END LOOP;
END
$$;

-- Write the new balances: each account once, however many legs touch it.
CREATE FUNCTION books.write_balances(
  programme_id integer, events books.candidate[], legs books.numbered_leg[],
  slots books.slot[], given_back bigint[], account_ids bigint[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  total record;
BEGIN
  FOR total IN
    WITH posted_leg AS (
      SELECT leg.source_no, leg.target_no, leg.amount_fen,
        (events[leg.position]).phase IN ('hold', 'extend') AS sets_aside,
        (events[leg.position]).phase = 'capture' AS captures
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
    )
    SELECT no, sum(in_fen)::bigint AS in_fen, sum(out_fen)::bigint AS out_fen,
      sum(held_fen)::bigint AS held_fen
    FROM change
    GROUP BY no
    ORDER BY no
  LOOP
    UPDATE books.account
    SET in_fen = in_fen + total.in_fen,
      out_fen = out_fen + total.out_fen,
      held_fen = held_fen + total.held_fen
    WHERE id = account_ids[total.no] AND programme = programme_id;
  END LOOP;
END
$$;

-- Chain the batch to the one before, and move the end of the programme's books.
CREATE FUNCTION books.write_batch(
  book books.programme, posting_time timestamptz, posted integer
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  new_head bytea;
BEGIN
  SELECT books.link(book.head, string_agg(event.leaf, '' ORDER BY event.seq)) INTO new_head
  FROM books.event
  WHERE event.programme = book.id AND event.seq > book.last_seq;

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
  programme_id integer, posting_time timestamptz, asked books.asked_event[], seqs bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO books.outbox (programme, seq, topic, payload, at)
  SELECT programme_id, seqs[e.position], e.kind, e.outbox, posting_time
  FROM unnest(asked) AS e
  WHERE seqs[e.position] IS NOT NULL AND e.outbox IS NOT NULL
  ORDER BY e.position;
END
$$;

-- Record what was refused; returns, per position, which attempt of its key that was.
CREATE FUNCTION books.write_refusals(
  programme_id integer, posting_time timestamptz, role_name text, asked books.asked_event[],
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
    FROM unnest(asked) AS e
  ) AS refused;

  INSERT INTO books.refusal
    (programme, key, attempt, code, detail, event_kind, refused_at, refused_to)
  SELECT programme_id, e.key, attempts[e.position], verdicts[e.position], details[e.position],
    coalesce(e.kind, ''), posting_time, role_name
  FROM unnest(asked) AS e
  WHERE verdicts[e.position] NOT IN ('posted', 'exists');

  RETURN attempts;
END
$$;

RESET ROLE;
