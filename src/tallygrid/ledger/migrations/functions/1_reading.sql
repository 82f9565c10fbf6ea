-- Reading: the state of the accounts and holds that a batch touches.
--
-- Everything is read at once, after the programme has been locked, and numbered from 1, so that
-- the decisions (next file) work on plain arrays. `post` makes every join a look-up by index, row
-- by row, in the order written: what is asked first, then the table. Functions that only join
-- arrays switch to hashing instead. `row_at` is where a row lies: it was found by an index once,
-- and is written there again; nobody else writes under this lock.

SET LOCAL ROLE tallygrid_books;

-- A leg of a hold that exists, with what is not captured of it yet.
CREATE TYPE books.hold_rest AS (
  held_no integer, source bigint, target bigint, rest_fen bigint, row_at tid
);

-- An account some leg names. `id` is null while it is not open; `kind`, if it can never be.
CREATE TYPE books.place AS (
  no integer, id bigint, code text, kind text, is_source boolean, holder_of text,
  has_group boolean, year integer, holder text, funder text, budget_group text,
  available_fen bigint, row_at tid
);

-- One leg of a hold, existing or about to be added: `rest_fen` is null until it is.
CREATE TYPE books.slot AS (
  no integer, held_no integer, source_no integer, target_no integer, rest_fen bigint, row_at tid
);

-- A hold an event opens or refers to, and its slots. `state` is null until it exists.
CREATE TYPE books.held AS (
  no integer, key uuid, state text, deadline timestamptz, first_slot integer, last_slot integer,
  row_at tid
);

-- A leg ready to be decided on.
CREATE TYPE books.numbered_leg AS (
  position integer, no integer, source_no integer, target_no integer, slot_no integer,
  amount_fen bigint,
  phase text,  -- its event's
  flaw jsonb   -- what is wrong with it
);

-- Which keys of a batch stand in the books already: per event, its place there and its body.
CREATE TYPE books.known AS (seqs bigint[], bodies bytea[]);

CREATE FUNCTION books.read_known(programme_id integer, events books.candidate[])
RETURNS books.known LANGUAGE plpgsql STABLE AS $$
DECLARE
  known books.known := ('{}', '{}');
  found record;
BEGIN
  FOR found IN
    SELECT e.position, standing.seq, standing.body
    FROM unnest(events) AS e
    CROSS JOIN LATERAL (
      SELECT seq, body FROM books.event
      WHERE event.key = e.key
        -- Not `=`: that could be read as an invitation to walk through the whole programme.
        AND event.programme IS NOT DISTINCT FROM programme_id
      OFFSET 0  -- or the planner might begin there
    ) AS standing
  LOOP
    known.seqs[found.position] := found.seq;
    known.bodies[found.position] := found.body;
  END LOOP;
  RETURN known;
END
$$;

CREATE FUNCTION books.read_hold_rests(programme_id integer, holds uuid[])
RETURNS books.hold_rest[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(
      (wanted.no, found.source, found.target, found.rest_fen, found.row_at)::books.hold_rest), '{}')
    FROM unnest(holds) WITH ORDINALITY AS wanted (key, no)
    CROSS JOIN LATERAL (
      SELECT source, target, amount_fen - captured_fen AS rest_fen, hold_leg.ctid AS row_at
      FROM books.hold_leg
      WHERE programme = programme_id AND hold_leg.hold = wanted.key
      OFFSET 0  -- or the planner might begin with every hold of the programme
    ) AS found
  );
END
$$;

-- The codes of the accounts that holds name and no leg does.
CREATE FUNCTION books.other_codes(
  programme_id integer, codes text[], rests books.hold_rest[]
) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT account.code
    FROM (
      SELECT source AS id FROM unnest(rests) AS rest
      UNION
      SELECT target FROM unnest(rests) AS rest
    ) AS named
    CROSS JOIN LATERAL (
      SELECT code FROM books.account WHERE programme = programme_id AND account.id = named.id
      OFFSET 0
    ) AS account
    EXCEPT
    SELECT unnest(codes)
    ORDER BY 1);
END
$$;

CREATE FUNCTION books.read_places(programme_id integer, codes text[]) RETURNS books.place[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  places books.place[];
  unopened bigint;
BEGIN
  SELECT count(*) FILTER (WHERE account.id IS NULL), coalesce(array_agg(
    (named.no, account.id, named.code, account.kind, account.is_source,
     account_kind.holder_of, account_kind.has_group, account.year, account.holder,
     account.funder, account.budget_group, account.in_fen - account.out_fen - account.held_fen,
     account.ctid)::books.place
    ORDER BY named.no), '{}')
    INTO unopened, places
  FROM unnest(codes) WITH ORDINALITY AS named (code, no)
  LEFT JOIN books.account
    ON account.programme = programme_id AND account.code = named.code
  LEFT JOIN books.account_kind ON account_kind.code = account.kind;

  IF unopened > 0 THEN
    places := books.read_unopened(places);
  END IF;
  RETURN places;
END
$$;

-- Accounts that are not open yet, as their codes say that they will be.
CREATE FUNCTION books.read_unopened(places books.place[]) RETURNS books.place[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT array_agg(
      CASE WHEN place.id IS NULL THEN
        (place.no, NULL, place.code, parts.kind, account_kind.is_source, account_kind.holder_of,
         account_kind.has_group, parts.year, parts.holder, parts.funder, parts.budget_group,
         0, NULL)::books.place
      ELSE place END
      ORDER BY place.no)
    FROM unnest(places) AS place
    LEFT JOIN LATERAL books.account_parts(
      CASE WHEN place.id IS NULL THEN place.code END) AS parts ON true
    LEFT JOIN books.account_kind ON account_kind.code = parts.kind
  );
END
$$;

-- The parts of an account's code; no row if such an account can never be opened.
CREATE FUNCTION books.account_parts(account_code text)
RETURNS TABLE (kind text, holder text, funder text, budget_group text, year integer)
LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT account_kind.code, part.holder, part.funder, part.budget_group, part.year
  FROM (
    SELECT p[1] AS kind, coalesce(p[2], '') AS holder, coalesce(p[3], '') AS funder,
      coalesce(p[4], '') AS budget_group, year
    FROM (
      SELECT string_to_array(left(formed.code, -5), ':') AS p, right(formed.code, 4)::integer AS year
      FROM (  -- a pattern that is only matched: taking the parts out of one cost 90 us a code
        SELECT CASE WHEN account_code ~ '^[a-z_]+(:[^:@\s]*){0,3}@[1-9][0-9]{3}$'
          THEN account_code END AS code
        OFFSET 0  -- once, and not wherever a part of it is named
      ) AS formed
      OFFSET 0
    ) AS split
  ) AS part
  JOIN books.account_kind ON account_kind.code = part.kind
  WHERE account_code  -- one account, one code: no empty part is written at the end
      = rtrim(concat_ws(':', part.kind, part.holder, part.funder, part.budget_group), ':')
        || '@' || part.year
    AND (part.holder <> '' OR NOT account_kind.holder_required)
    AND (part.holder = '' OR account_kind.holder_of <> '')
    AND (part.funder <> '' OR account_kind.family <> 'money')
    AND (part.budget_group = '' OR account_kind.has_group)
$$;

CREATE FUNCTION books.number_slots(
  legs books.asked_leg[], rests books.hold_rest[], places books.place[]
) RETURNS books.slot[] LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
BEGIN
  RETURN (
    WITH wanted AS (
      SELECT rest.held_no, source.no AS source_no, target.no AS target_no, rest.rest_fen,
        rest.row_at
      FROM unnest(rests) AS rest
      JOIN unnest(places) AS source ON source.id = rest.source
      JOIN unnest(places) AS target ON target.id = rest.target
      UNION ALL
      SELECT held_no, source_no, target_no, NULL, NULL
      FROM unnest(legs) AS leg
      WHERE held_no IS NOT NULL AND source_no IS NOT NULL AND target_no IS NOT NULL
    ), numbered AS (
      SELECT row_number() OVER (ORDER BY held_no, source_no, target_no)::integer AS no,
        held_no, source_no, target_no, max(rest_fen) AS rest_fen, max(row_at) AS row_at
      FROM wanted
      GROUP BY held_no, source_no, target_no
    )
    SELECT coalesce(array_agg(
      (no, held_no, source_no, target_no, rest_fen, row_at)::books.slot ORDER BY no), '{}')
    FROM numbered
  );
END
$$;

CREATE FUNCTION books.read_helds(programme_id integer, holds uuid[], slots books.slot[])
RETURNS books.held[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    WITH wanted AS (
      SELECT generate_subscripts(holds, 1) AS no, NULL::integer AS slot_no
      UNION ALL
      SELECT held_no, no FROM unnest(slots) AS slot
    ), numbered AS (
      SELECT no, holds[no] AS key, min(slot_no) AS first_slot, max(slot_no) AS last_slot
      FROM wanted
      GROUP BY no
    )
    SELECT coalesce(array_agg(
      (numbered.no, numbered.key, hold.state, hold.deadline,
       numbered.first_slot, numbered.last_slot, hold.ctid)::books.held
      ORDER BY numbered.no), '{}')
    FROM numbered
    LEFT JOIN books.hold ON hold.programme = programme_id AND hold.key = numbered.key
  );
END
$$;

-- The legs by number, each with the first thing that is wrong with it.
CREATE FUNCTION books.number_legs(
  legs books.asked_leg[], places books.place[], slots books.slot[]
) RETURNS books.numbered_leg[] LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(
      (leg.position, leg.no, leg.source_no, leg.target_no, slot.no, leg.amount_fen, leg.phase,
       CASE
         WHEN leg.amount_fen IS NULL
           OR leg.amount_fen NOT BETWEEN 0 AND 899999999999999
           OR leg.amount_fen = 0 AND leg.phase <> 'capture'
           THEN jsonb_build_object('reason', 'amount', 'asked_fen', leg.amount_fen)
         WHEN source.kind IS NULL OR target.kind IS NULL
           THEN jsonb_build_object('reason', 'account', 'account',
             CASE WHEN source.kind IS NULL THEN source.code ELSE target.code END)
         WHEN movement.event_kind IS NULL OR source.no = target.no
           THEN jsonb_build_object('reason', 'movement',
             'source', source.code, 'target', target.code)
         WHEN source.year <> target.year OR source.funder <> target.funder
           OR source.holder_of = target.holder_of AND source.holder <> target.holder
           OR source.has_group AND target.has_group
              AND source.budget_group <> target.budget_group
           THEN jsonb_build_object('reason', 'crossing',
             'source', source.code, 'target', target.code)
       END)::books.numbered_leg
      ORDER BY leg.position, leg.no), '{}')
    FROM unnest(legs) AS leg
    LEFT JOIN unnest(places) AS source ON source.no = leg.source_no
    LEFT JOIN unnest(places) AS target ON target.no = leg.target_no
    LEFT JOIN books.movement
      ON movement.event_kind = leg.kind
      AND movement.source_kind = source.kind AND movement.target_kind = target.kind
    LEFT JOIN unnest(slots) AS slot
      ON slot.held_no = leg.held_no
      AND slot.source_no = leg.source_no AND slot.target_no = leg.target_no
  );
END
$$;

RESET ROLE;
