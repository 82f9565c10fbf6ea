-- Verifying: everything that can be computed from the events is computed again.
--
-- Each function below finds one sort of problem in one programme. A problem names the batch
-- and the event where it shows, what it concerns (an account, a hold, a key), what stands
-- there now and what should. `verify` puts what breaks the chain first, by batch and event.

SET LOCAL ROLE tallygrid_books;

CREATE TYPE books.problem AS (
  code text, batch bigint, seq bigint, what text, found text, expected text
);

-- No number left out: the places in the books are 1, 2, 3 …
CREATE FUNCTION books.missing_events(programme_id integer) RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN QUERY
  SELECT 'event_missing', event.batch, numbered.seq_before + 1, NULL, numbered.seq::text,
    (numbered.seq_before + 1)::text
  FROM (
    SELECT seq, lag(seq, 1, 0::bigint) OVER (ORDER BY seq) AS seq_before
    FROM books.event WHERE programme = programme_id
  ) AS numbered
  JOIN books.event ON event.programme = programme_id AND event.seq = numbered.seq
  WHERE numbered.seq <> numbered.seq_before + 1;
END
$$;

-- Every event as its text says, against the hashes stored with it: its body against what was
-- asked, and its leaf against that body and what the books added. One share of so many, so that
-- `verify` can give each to another process; and no more at once than `work_mem` holds.
CREATE FUNCTION books.altered_events(programme_id integer, share integer, shares integer)
RETURNS SETOF books.problem LANGUAGE plpgsql STABLE PARALLEL SAFE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
DECLARE
  book books.programme;
  first bigint;
  last_of_all bigint;
  at_once bigint;
BEGIN
  SELECT * INTO STRICT book FROM books.programme WHERE id = programme_id;
  SELECT min(seq), max(seq) INTO first, last_of_all
  FROM books.event WHERE programme = programme_id;
  at_once := least(400000, (last_of_all - first) / shares + 1);
  first := first + share * at_once;
  WHILE first <= last_of_all LOOP
    RETURN QUERY
    WITH written AS (
      SELECT leg.seq,
        string_agg(books.leg_text(source.code, target.code, leg.amount_fen), '' ORDER BY leg.no)
          AS legs_text
      FROM books.leg
      JOIN books.account AS source ON source.programme = leg.programme AND source.id = leg.source
      JOIN books.account AS target ON target.programme = leg.programme AND target.id = leg.target
      WHERE leg.programme = programme_id AND leg.seq >= first AND leg.seq < first + at_once
      GROUP BY leg.seq
    ), posting AS MATERIALIZED (  -- once per batch, not once per event
      SELECT batch.no, batch.posted_at,
        books.posting_text(book.code, batch.no, batch.posted_at, '') AS text
      FROM books.batch
      WHERE batch.programme = programme_id AND batch.last_seq >= first
        AND batch.first_seq < first + at_once
    )
    SELECT 'event_altered', event.batch, event.seq, event.key::text,
      encode(books.leaf(
        book.code, event.seq, event.batch, event.key,
        books.body(event.kind, event.hold, event.ttl_seconds, event.is_final, event.occurred_at,
                   event.reason, event.document, event.outbox_sha256, written.legs_text),
        event.posted_at, event.posted_by), 'hex'),
      encode(event.leaf, 'hex')
    FROM books.event
    LEFT JOIN written ON written.seq = event.seq
    LEFT JOIN posting ON posting.no = event.batch
    WHERE event.programme = programme_id AND event.seq >= first AND event.seq < first + at_once
      AND (event.body IS DISTINCT FROM books.body(
             event.kind, event.hold, event.ttl_seconds, event.is_final, event.occurred_at,
             event.reason, event.document, event.outbox_sha256, written.legs_text)
        OR event.leaf IS DISTINCT FROM books.leaf(
             event.seq, event.key, event.body,
             CASE WHEN event.posted_at = posting.posted_at THEN posting.text || event.posted_by
               ELSE books.posting_text(
                 book.code, event.batch, event.posted_at, event.posted_by) END)
        OR event.posted_at <> posting.posted_at);
    first := first + shares * at_once;
  END LOOP;
END
$$;

-- Every batch against the one before it and the leaves in it; and the head against the last.
CREATE FUNCTION books.broken_links(programme_id integer) RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN QUERY
  WITH leaves AS (
    SELECT event.batch AS no, min(event.seq) AS first_seq, max(event.seq) AS last_seq,
      string_agg(event.leaf, '' ORDER BY event.seq) AS leaves
    FROM books.event WHERE event.programme = programme_id GROUP BY event.batch
  ), link AS (
    SELECT batch.no, batch.first_seq, batch.last_seq, batch.previous, batch.hash,
      batch.algorithm, leaves.first_seq AS first_found, leaves.last_seq AS last_found,
      books.link(batch.previous, leaves.leaves) AS computed,
      lag(batch.no, 1, 0::bigint) OVER chain AS no_before,
      lag(batch.last_seq, 1, 0::bigint) OVER chain AS last_before,
      lag(batch.hash, 1, books.genesis(programme.code, programme.currency)) OVER chain
        AS hash_before
    FROM books.batch
    JOIN books.programme ON programme.id = batch.programme
    LEFT JOIN leaves ON leaves.no = batch.no
    WHERE batch.programme = programme_id
    WINDOW chain AS (ORDER BY batch.no)
  ), last AS (
    SELECT max(no) AS no, max(last_seq) AS seq, max(posted_at) AS posted_at,
      (array_agg(hash ORDER BY no DESC))[1] AS hash
    FROM books.batch WHERE batch.programme = programme_id
  )
  SELECT 'batch_missing', no_before + 1, last_before + 1, NULL, no::text, (no_before + 1)::text
  FROM link WHERE no <> no_before + 1
  UNION ALL
  SELECT 'batch_altered', no, first_seq, NULL, encode(computed, 'hex'), encode(hash, 'hex')
  FROM link
  WHERE hash IS DISTINCT FROM computed OR algorithm <> 'sha256'
    OR (first_seq, last_seq) IS DISTINCT FROM (first_found, last_found)
  UNION ALL
  SELECT 'batch_unlinked', no, first_seq, NULL, encode(previous, 'hex'), encode(hash_before, 'hex')
  FROM link WHERE no = no_before + 1 AND (previous <> hash_before OR first_seq <> last_before + 1)
  UNION ALL
  SELECT 'head_differs', programme.last_batch, programme.last_seq, NULL,
    encode(programme.head, 'hex'),
    encode(coalesce(last.hash, books.genesis(programme.code, programme.currency)), 'hex')
  FROM books.programme CROSS JOIN last
  WHERE programme.id = programme_id
    AND (programme.last_batch, programme.last_seq, programme.head) IS DISTINCT FROM
      (coalesce(last.no, 0), coalesce(last.seq, 0),
       coalesce(last.hash, books.genesis(programme.code, programme.currency)))
  UNION ALL
  -- The time from which the books go on: what is posted next is of no earlier one.
  SELECT 'time_differs', programme.last_batch, programme.last_seq, NULL,
    programme.ledger_time::text, coalesce(last.posted_at, '-infinity')::text
  FROM books.programme CROSS JOIN last
  WHERE programme.id = programme_id
    AND programme.ledger_time <> coalesce(last.posted_at, '-infinity');
END
$$;

-- Every way that amounts went: from which account to which, by events of which kind. A leg
-- without its event is of no kind. Legs and events are read side by side in the order of their
-- places, so that nothing is sorted or spilt however long the books are.
CREATE FUNCTION books.ways(programme_id integer)
RETURNS TABLE (kind text, source bigint, target bigint, amount_fen numeric, first_seq bigint,
               last_seq bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100000
SET enable_nestloop = off SET enable_hashjoin = off SET enable_sort = off AS $$
BEGIN
  RETURN QUERY
  SELECT event.kind, leg.source, leg.target, sum(leg.amount_fen), min(leg.seq), max(leg.seq)
  FROM books.leg
  LEFT JOIN books.event ON event.programme = leg.programme AND event.seq = leg.seq
  WHERE leg.programme = programme_id
  GROUP BY event.kind, leg.source, leg.target;
END
$$;

-- What the events say a hold should look like.
CREATE FUNCTION books.computed_hold_legs(programme_id integer)
RETURNS TABLE (hold uuid, source bigint, target bigint, amount_fen numeric, captured_fen numeric,
               state text, seq bigint, batch bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN QUERY
  WITH touch AS (
    SELECT coalesce(event.hold, event.key) AS hold, event.seq, event.batch, event_kind.phase,
      event.is_final
    FROM books.event JOIN books.event_kind ON event_kind.code = event.kind
    WHERE event.programme = programme_id AND event_kind.phase <> 'direct'
  ), final_state AS (
    SELECT touch.hold, max(touch.seq) AS seq, max(touch.batch) AS batch,
      CASE
        WHEN bool_or(touch.phase = 'expire') THEN 'expired'
        WHEN bool_or(touch.phase = 'release') THEN 'released'
        WHEN bool_or(touch.is_final) THEN 'captured'
        WHEN bool_or(touch.phase IN ('start', 'capture')) THEN 'started'
        ELSE 'open'
      END AS state
    FROM touch GROUP BY touch.hold
  )
  SELECT touch.hold, leg.source, leg.target,
    coalesce(sum(leg.amount_fen) FILTER (WHERE touch.phase <> 'capture'), 0),
    coalesce(sum(leg.amount_fen) FILTER (WHERE touch.phase = 'capture'), 0),
    final_state.state, final_state.seq, final_state.batch
  FROM touch
  JOIN books.leg ON leg.programme = programme_id AND leg.seq = touch.seq
  JOIN final_state ON final_state.hold = touch.hold
  GROUP BY touch.hold, leg.source, leg.target,
    final_state.state, final_state.seq, final_state.batch;
END
$$;

-- What can only be said of sums: moves that the table does not permit, holds and balances. In one
-- statement, so that the ways and the holds are summed once.
CREATE FUNCTION books.differing_sums(programme_id integer) RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE PARALLEL SAFE
COST 1000000  -- the longest of the checks that cannot be shared out: it shall begin first
AS $$
BEGIN
  RETURN QUERY
  WITH way AS MATERIALIZED (
    SELECT * FROM books.ways(programme_id)
  ), computed_hold_leg AS MATERIALIZED (
    SELECT * FROM books.computed_hold_legs(programme_id)
  ), moved AS (
    SELECT way.source, way.target, way.amount_fen, way.last_seq AS seq
    FROM way
    JOIN books.event_kind ON event_kind.code = way.kind
    WHERE event_kind.phase IN ('direct', 'capture')
  ), change AS (
    SELECT source AS id, 0 AS in_fen, amount_fen AS out_fen, 0 AS held_fen, seq FROM moved
    UNION ALL
    SELECT target, amount_fen, 0, 0, seq FROM moved
    UNION ALL
    SELECT source, 0, 0, amount_fen - captured_fen, seq
    FROM computed_hold_leg WHERE state IN ('open', 'started')
  ), balance AS (
    SELECT id, sum(in_fen) AS in_fen, sum(out_fen) AS out_fen, sum(held_fen) AS held_fen,
      max(seq) AS seq
    FROM change GROUP BY id
  ), stored_hold_leg AS (
    SELECT hold_leg.hold, hold_leg.source, hold_leg.target, hold_leg.amount_fen,
      hold_leg.captured_fen, hold.state
    FROM books.hold_leg
    LEFT JOIN books.hold ON hold.programme = hold_leg.programme AND hold.key = hold_leg.hold
    WHERE hold_leg.programme = programme_id
  )
  -- Every way, named by its first leg, against what `number_legs` refuses; one whose event or
  -- account is not there is permitted nothing.
  SELECT 'leg_unlawful', event.batch, way.first_seq, way.kind, source.code, target.code
  FROM way
  LEFT JOIN books.account AS source ON source.programme = programme_id AND source.id = way.source
  LEFT JOIN books.account AS target ON target.programme = programme_id AND target.id = way.target
  LEFT JOIN books.account_kind AS source_kind ON source_kind.code = source.kind
  LEFT JOIN books.account_kind AS target_kind ON target_kind.code = target.kind
  LEFT JOIN books.movement
    ON movement.event_kind = way.kind
    AND movement.source_kind = source.kind AND movement.target_kind = target.kind
  LEFT JOIN books.event ON event.programme = programme_id AND event.seq = way.first_seq
  WHERE movement.event_kind IS NULL OR way.source = way.target
    OR source.year <> target.year OR source.funder <> target.funder
    OR source_kind.holder_of = target_kind.holder_of AND source.holder <> target.holder
    OR source_kind.has_group AND target_kind.has_group
       AND source.budget_group <> target.budget_group
  UNION ALL
  SELECT 'hold_differs', computed.batch, computed.seq, coalesce(computed.hold, stored.hold)::text,
    concat_ws(' ', stored.state, stored.amount_fen, stored.captured_fen),
    concat_ws(' ', computed.state, computed.amount_fen, computed.captured_fen)
  FROM computed_hold_leg AS computed
  FULL JOIN stored_hold_leg AS stored
    ON stored.hold = computed.hold AND stored.source = computed.source
    AND stored.target = computed.target
  WHERE (stored.amount_fen, stored.captured_fen, stored.state)
    IS DISTINCT FROM (computed.amount_fen::bigint, computed.captured_fen::bigint, computed.state)
  UNION ALL
  -- A balance has no event of its own: the problem names the last one that touched the account.
  SELECT 'balance_differs', event.batch, balance.seq, account.code,
    concat_ws(' ', account.in_fen, account.out_fen, account.held_fen),
    concat_ws(' ', coalesce(balance.in_fen, 0), coalesce(balance.out_fen, 0),
              coalesce(balance.held_fen, 0))
  FROM books.account
  LEFT JOIN balance ON balance.id = account.id
  LEFT JOIN books.event ON event.programme = programme_id AND event.seq = balance.seq
  WHERE account.programme = programme_id
    AND (account.in_fen, account.out_fen, account.held_fen) IS DISTINCT FROM
      (coalesce(balance.in_fen, 0)::bigint, coalesce(balance.out_fen, 0)::bigint,
       coalesce(balance.held_fen, 0)::bigint);
END
$$;

-- Every hold's deadline against the event that opened it.
CREATE FUNCTION books.differing_deadlines(programme_id integer) RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN QUERY
  SELECT 'deadline_differs', event.batch, event.seq, hold.key::text, hold.deadline::text,
    (event.posted_at + make_interval(secs => event.ttl_seconds))::text
  FROM books.hold
  LEFT JOIN books.event ON event.programme = hold.programme AND event.key = hold.key
  WHERE hold.programme = programme_id
    AND (hold.deadline, hold.seq) IS DISTINCT FROM
      (event.posted_at + make_interval(secs => event.ttl_seconds), event.seq);
END
$$;

-- What must hold of the balances themselves, whatever happened: no account below zero; per
-- year and funder, what came in equals what sits somewhere; what was carried out came in.
CREATE FUNCTION books.broken_identities(programme_id integer) RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN QUERY
  SELECT 'overdrawn', NULL::bigint, NULL::bigint, code, (in_fen - out_fen - held_fen)::text, '0'
  FROM books.account
  WHERE programme = programme_id AND NOT is_source AND in_fen - out_fen - held_fen < 0
  UNION ALL
  SELECT 'identity_broken', NULL, NULL,
    concat_ws(' ', account_kind.family, account.year, account.funder),
    sum(in_fen - out_fen) FILTER (WHERE NOT account.is_source)::text,
    sum(out_fen - in_fen) FILTER (WHERE account.is_source)::text
  FROM books.account JOIN books.account_kind ON account_kind.code = account.kind
  WHERE programme = programme_id
  GROUP BY account_kind.family, account.year, account.funder
  HAVING sum(in_fen - out_fen) <> 0
  UNION ALL
  SELECT 'carry_differs', NULL, NULL, funder,
    coalesce(sum(out_fen - in_fen) FILTER (WHERE kind = 'carried_in'), 0)::text,
    coalesce(sum(in_fen - out_fen) FILTER (WHERE kind = 'carried_out'), 0)::text
  FROM books.account
  WHERE programme = programme_id AND kind IN ('carried_in', 'carried_out')
  GROUP BY funder
  HAVING sum(in_fen - out_fen) <> 0;
END
$$;

-- What the application was told, against the hash stored with the event.
CREATE FUNCTION books.differing_messages(programme_id integer) RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN QUERY
  SELECT 'outbox_differs', event.batch, event.seq, event.kind,
    encode(books.sha256_of(outbox.payload::text), 'hex'), encode(event.outbox_sha256, 'hex')
  FROM (SELECT * FROM books.event WHERE programme = programme_id AND outbox_sha256 IS NOT NULL)
    AS event
  FULL JOIN (SELECT * FROM books.outbox WHERE programme = programme_id) AS outbox
    ON outbox.seq = event.seq
  WHERE (books.sha256_of(outbox.payload::text), outbox.topic)
    IS DISTINCT FROM (event.outbox_sha256, event.kind);
END
$$;

-- What left one programme for another and what arrived: more can have left, never arrived.
CREATE FUNCTION books.verify_transfers() RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, books, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT 'transfer_differs', NULL::bigint, NULL::bigint, programme.currency,
    sum(out_fen - in_fen) FILTER (WHERE kind = 'transferred_in')::text,
    coalesce(sum(in_fen - out_fen) FILTER (WHERE kind = 'transferred_out'), 0)::text
  FROM books.account JOIN books.programme ON programme.id = account.programme
  WHERE account.kind IN ('transferred_in', 'transferred_out')
  GROUP BY programme.currency
  HAVING sum(in_fen - out_fen) < 0;
END
$$;

-- Every guard of the tables that is gone or switched off, as their owner can do.
CREATE FUNCTION books.verify_guards() RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, books, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT 'guard_off', NULL::bigint, NULL::bigint, guarded.name, guarded.guard,
    coalesce(pg_trigger.tgenabled::text, '')
  FROM (VALUES
    ('event', 'only_added_to'), ('leg', 'only_added_to'), ('batch', 'only_added_to'),
    ('refusal', 'only_added_to'), ('outbox', 'only_added_to'), ('event', 'reversal_mirrors')
  ) AS guarded (name, guard)
  LEFT JOIN pg_trigger
    ON pg_trigger.tgrelid = to_regclass('books.' || guarded.name)
    AND pg_trigger.tgname = guarded.guard
  WHERE pg_trigger.tgenabled IS DISTINCT FROM 'O';
END
$$;

-- Every problem in a programme's books, the first broken batch and event first.
CREATE FUNCTION books.verify(programme_code text) RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, books, pg_temp
SET jit = off
SET work_mem = '64MB'
SET parallel_setup_cost = 0  -- as many processes as the server allows share the work
SET parallel_tuple_cost = 0
AS $$
DECLARE
  programme_id integer;
BEGIN
  SELECT id INTO STRICT programme_id FROM books.programme WHERE code = programme_code;
  RETURN QUERY
  SELECT problem.code, problem.batch, problem.seq, problem.what, problem.found, problem.expected
  FROM (
    SELECT * FROM books.differing_sums(programme_id)
    UNION ALL SELECT * FROM books.altered_events(programme_id, 0, 4)
    UNION ALL SELECT * FROM books.altered_events(programme_id, 1, 4)
    UNION ALL SELECT * FROM books.altered_events(programme_id, 2, 4)
    UNION ALL SELECT * FROM books.altered_events(programme_id, 3, 4)
    UNION ALL SELECT * FROM books.broken_links(programme_id)
    UNION ALL SELECT * FROM books.missing_events(programme_id)
    UNION ALL SELECT * FROM books.differing_deadlines(programme_id)
    UNION ALL SELECT * FROM books.broken_identities(programme_id)
    UNION ALL SELECT * FROM books.differing_messages(programme_id)
  ) AS problem
  ORDER BY
    CASE
      WHEN problem.code = 'leg_unlawful' THEN 2
      WHEN problem.code IN ('hold_differs', 'deadline_differs') THEN 3
      WHEN problem.code = 'balance_differs' THEN 4
      WHEN problem.code IN ('overdrawn', 'identity_broken', 'carry_differs') THEN 5
      WHEN problem.code = 'outbox_differs' THEN 6
      ELSE 1  -- what breaks the chain
    END, problem.batch, problem.seq, problem.code DESC, problem.what;
END
$$;

RESET ROLE;
