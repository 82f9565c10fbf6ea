-- Posting: the one way into the books.

SET LOCAL ROLE tallygrid_books;

-- Open a programme's books. Asking twice is asking once.
CREATE FUNCTION books.open_programme(programme_code text, programme_currency text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, books, pg_temp AS $$
BEGIN
  INSERT INTO books.programme (code, currency, head)
  VALUES (programme_code, programme_currency,
          books.genesis(programme_code, programme_currency))
  ON CONFLICT (code) DO NOTHING;
  IF NOT EXISTS (
    SELECT FROM books.programme WHERE code = programme_code AND currency = programme_currency
  ) THEN
    RAISE EXCEPTION 'The books of % are open in another currency.', programme_code
      USING ERRCODE = 'unique_violation';
  END IF;
END
$$;

-- The unstarted holds whose deadline has passed, as events that expire them: the oldest
-- first, so many at most. A hold's key fixes its expiry's key, so it expires at most once.
CREATE FUNCTION books.overdue_holds(
  programme_id integer, ledger_time timestamptz, greatest_number integer
) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'key', encode(substr(books.sha256_of('expire:' || overdue.key), 1, 16), 'hex')::uuid,
      'kind', 'expire',
      'hold', overdue.key,
      'occurred_at', overdue.deadline) ORDER BY overdue.deadline, overdue.key), '[]')
    FROM (
      SELECT key, deadline FROM books.hold
      WHERE programme = programme_id AND state = 'open' AND deadline <= ledger_time
      ORDER BY deadline, key
      LIMIT greatest_number
    ) AS overdue
  );
END
$$;

-- Post a batch in a role's name: read what is asked, lock, read the state, decide, write.
CREATE FUNCTION books.post_batch(
  role_name text, programme_code text, batch jsonb, sweep_limit integer
) RETURNS TABLE (key uuid, code text, seq bigint, detail jsonb) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  asked books.asked := books.read_batch(role_name, 0, batch);
  book books.programme;
  now_in_books timestamptz;
  overdue jsonb;
  swept integer;  -- how many holds were expired ahead of what was asked
  known books.known;
  rests books.hold_rest[] := '{}';
  places books.place[];
  slots books.slot[] := '{}';
  helds books.held[] := '{}';
  legs books.numbered_leg[];
  decided books.decision;
  verdicts text[];
  details jsonb[];
  seqs bigint[];
  account_ids bigint[];
  attempts integer[];
  leaves bytea;
  posted integer := 0;
BEGIN
  -- The lock is taken in a statement of its own: only later statements see what another
  -- writer committed while this one waited.
  SELECT * INTO book FROM books.programme WHERE programme.code = programme_code FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'No books are open for the programme %.', programme_code
      USING ERRCODE = 'no_data_found', HINT = 'Open them with books.open_programme first.';
  END IF;
  now_in_books := greatest(clock_timestamp(), book.ledger_time + interval '1 microsecond');

  overdue := books.overdue_holds(book.id, now_in_books, sweep_limit);
  swept := jsonb_array_length(overdue);
  IF swept > 0 THEN
    asked := books.read_batch(role_name, swept, overdue || batch);
  END IF;
  IF asked.events IS NULL THEN
    RETURN;
  END IF;

  known := books.read_known(book.id, asked.events);
  IF cardinality(asked.holds) > 0 THEN
    rests := books.read_hold_rests(book.id, asked.holds);
    IF cardinality(rests) > 0 THEN
      asked.codes := asked.codes || books.other_codes(book.id, asked.codes, rests);
    END IF;
  END IF;
  places := books.read_places(book.id, asked.codes);
  IF cardinality(asked.holds) > 0 THEN
    slots := books.number_slots(asked.legs, rests, places);
    helds := books.read_helds(book.id, asked.holds, slots);
  END IF;
  legs := books.number_legs(asked.legs, places, slots);

  decided := books.decide(now_in_books, asked, known, legs, places, slots, helds);
  verdicts := decided.verdicts;
  details := decided.details;

  FOR n IN 1 .. cardinality(verdicts) LOOP
    seqs[n] := NULL;
    IF verdicts[n] = 'posted' THEN
      posted := posted + 1;
      seqs[n] := book.last_seq + posted;
    END IF;
  END LOOP;

  IF posted > 0 THEN
    account_ids := ARRAY(SELECT id FROM unnest(places) ORDER BY no);
    IF array_position(account_ids, NULL) IS NOT NULL
       AND books.open_accounts(book.id, places, legs, seqs) THEN
      places := books.read_places(book.id, asked.codes);
      account_ids := ARRAY(SELECT id FROM unnest(places) ORDER BY no);
    END IF;
    leaves := books.write_events(book, now_in_books, role_name, swept, asked.events, seqs);
    PERFORM books.write_legs(book.id, legs, account_ids, seqs);
    IF cardinality(helds) > 0 THEN
      PERFORM books.write_holds(
        book.id, now_in_books, asked.events, asked.held_nos, helds, decided.hold_states, seqs);
      PERFORM books.write_hold_legs(book.id, legs, asked.holds, slots, account_ids, seqs);
    END IF;
    PERFORM books.write_balances(places, legs, slots, decided.given_back, seqs);
    PERFORM books.write_outbox(book.id, now_in_books, asked.events, seqs);
    PERFORM books.write_batch(book, now_in_books, posted, leaves);
  END IF;
  IF NOT verdicts <@ ARRAY['posted', 'exists'] THEN
    attempts := books.write_refusals(
      book.id, now_in_books, role_name, asked.events, verdicts, details);
  END IF;

  RETURN QUERY
  SELECT e.key, verdicts[e.position],
    CASE verdicts[e.position]
      WHEN 'posted' THEN seqs[e.position]
      WHEN 'exists' THEN coalesce(known.seqs[e.position], seqs[decided.twins[e.position]])
    END,
    CASE WHEN verdicts[e.position] IN ('posted', 'exists') THEN details[e.position]
      ELSE details[e.position] || jsonb_build_object('attempt', attempts[e.position])
    END
  FROM unnest(asked.events) AS e
  WHERE e.position > swept
  ORDER BY e.position;
END
$$;

-- Post a batch: an array of objects, whose fields are those of `tallygrid.core.books.Event`.
-- Returns an outcome per event, in the order asked. A batch is one transaction, but its
-- events stand or fall alone, unless a chain ties them.
CREATE FUNCTION books.post(programme_code text, batch jsonb)
RETURNS TABLE (key uuid, code text, seq bigint, detail jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, books, pg_temp
SET plan_cache_mode = force_generic_plan  -- plan once per session, not once per batch,
SET enable_seqscan = off                  -- and so that a plan made on empty tables stays good:
SET enable_hashjoin = off                 -- every table is entered through an index, row by row
SET enable_mergejoin = off
SET enable_material = off
SET join_collapse_limit = 1               -- in the order in which the joins are written
SET jit = off
AS $$
BEGIN
  IF jsonb_array_length(batch) > 1000 THEN
    RAISE EXCEPTION 'A batch of % events is too large.', jsonb_array_length(batch)
      USING ERRCODE = 'program_limit_exceeded', HINT = 'Post at most 1000 events at a time.';
  END IF;
  RETURN QUERY SELECT * FROM books.post_batch(session_user::text, programme_code, batch, 100);
END
$$;

-- Expire overdue holds without posting anything else; returns how many.
CREATE FUNCTION books.expire_holds(programme_code text, greatest_number integer)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, books, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
SET join_collapse_limit = 1               -- in the order in which the joins are written
SET jit = off
AS $$
DECLARE
  before bigint;
BEGIN
  SELECT last_seq INTO before FROM books.programme WHERE code = programme_code FOR NO KEY UPDATE;
  PERFORM books.post_batch(session_user::text, programme_code, '[]', least(greatest_number, 1000));
  RETURN (SELECT last_seq - before FROM books.programme WHERE code = programme_code);
END
$$;

RESET ROLE;
