-- Reading: what is asked, and the state of the accounts and holds it touches.
--
-- Everything a batch needs is read at once, after the programme has been locked, and numbered
-- from 1, so that the decisions (next file) work on plain arrays. `post` makes every join a
-- look-up by index, row by row, in the order written: what is asked first, then the table.
-- Functions that only join arrays switch to hashing instead. `row_at` is where a row lies: it
-- was found by an index once, and is written there again; nobody else writes under this lock.

SET LOCAL ROLE tallygrid_books;

-- An event as asked, with what the tables know of its kind and of its key.
CREATE TYPE books.asked_event AS (
  position     integer,      -- its place in the batch
  key          uuid,
  kind         text,
  hold         uuid,
  ttl_seconds  integer,
  is_final     boolean,
  occurred_at  timestamptz,
  reason       text,
  document     text,
  outbox       jsonb,
  chain        integer,
  phase        text,         -- null: there is no such kind
  is_permitted boolean,
  known_seq    bigint,       -- the event in the books that has this key already
  known_body   bytea
);

-- A leg as asked; `position` is its event's.
CREATE TYPE books.asked_leg AS (
  position integer, no integer, source text, target text, amount_fen bigint
);

-- A leg of a hold that exists, with what is not captured of it yet.
CREATE TYPE books.hold_rest AS (
  hold uuid, source text, target text, rest_fen bigint, row_at tid
);

-- An account some leg names. `id` is null while it is not open; `kind`, if it can never be.
CREATE TYPE books.place AS (
  no integer, id bigint, code text, kind text, is_source boolean, holder_of text,
  has_group boolean, year integer, holder text, funder text, budget_group text,
  available_fen bigint, row_at tid
);

-- One leg of a hold, existing or about to be added: `rest_fen` is null until it is.
CREATE TYPE books.slot AS (
  no integer, hold uuid, source_no integer, target_no integer, rest_fen bigint, row_at tid
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
  phase text,     -- its event's
  written text,   -- as it stands in the event's body
  flaw jsonb      -- what is wrong with it
);

-- An event ready to be decided on.
CREATE TYPE books.candidate AS (
  position      integer,
  key           uuid,
  kind          text,
  phase         text,
  hold          uuid,
  ttl_seconds   integer,
  is_final      boolean,
  occurred_at   timestamptz,
  reason        text,
  document      text,
  outbox        jsonb,
  chain_first   integer,  -- where its chain begins and ends: at itself, if it stands alone
  chain_last    integer,
  held_no       integer,
  first_leg     integer,
  last_leg      integer,
  outbox_sha256 bytea,
  body          bytea,
  known_seq     bigint,
  known_body    bytea,
  twin          integer,  -- the first event of this batch that has its key
  flaw          jsonb     -- why it can never be posted: {"code": …, "reason": …, …}
);

-- The first `swept` events are the books' own and need no permission.
CREATE FUNCTION books.read_events(
  programme_id integer, role_name text, swept integer, asked jsonb
) RETURNS books.asked_event[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT array_agg(
      (e.position, e.key, e.kind, e.hold, e.ttl_seconds, coalesce(e.final, false),
       e.occurred_at, coalesce(e.reason, ''), coalesce(e.document, ''), e.outbox,
       coalesce(e.chain, 0), event_kind.phase,
       e.position <= swept OR permission.role IS NOT NULL,
       known.seq, known.body)::books.asked_event
      ORDER BY e.position)
    FROM ROWS FROM (
      jsonb_to_recordset(asked) AS (
        key uuid, kind text, hold uuid, ttl_seconds integer, final boolean,
        occurred_at timestamptz, reason text, document text, outbox jsonb, chain integer)
    ) WITH ORDINALITY AS e
      (key, kind, hold, ttl_seconds, final, occurred_at, reason, document, outbox, chain, position)
    LEFT JOIN books.event_kind ON event_kind.code = e.kind
    LEFT JOIN books.permission ON permission.role = role_name AND permission.event_kind = e.kind
    LEFT JOIN books.event AS known
      ON known.key = e.key
      -- Not `=`: that could be read as an invitation to walk through the whole programme.
      AND known.programme IS NOT DISTINCT FROM programme_id
  );
END
$$;

CREATE FUNCTION books.read_legs(asked jsonb) RETURNS books.asked_leg[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(
      (e.position, leg.no, leg.source, leg.target, leg.amount_fen)::books.asked_leg
      ORDER BY e.position, leg.no), '{}')
    FROM jsonb_array_elements(asked) WITH ORDINALITY AS e (event, position)
    CROSS JOIN ROWS FROM (
      jsonb_to_recordset(coalesce(e.event -> 'legs', '[]'))
        AS (source text, target text, amount_fen bigint)
    ) WITH ORDINALITY AS leg (source, target, amount_fen, no)
  );
END
$$;

CREATE FUNCTION books.read_hold_rests(programme_id integer, events books.asked_event[])
RETURNS books.hold_rest[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(
      (wanted.hold, source.code, target.code, found.rest_fen, found.row_at)::books.hold_rest), '{}')
    FROM (SELECT DISTINCT hold FROM unnest(events) AS e WHERE hold IS NOT NULL) AS wanted
    CROSS JOIN LATERAL (
      SELECT source, target, amount_fen - captured_fen AS rest_fen, hold_leg.ctid AS row_at
      FROM books.hold_leg
      WHERE programme = programme_id AND hold_leg.hold = wanted.hold
      OFFSET 0  -- or the planner might begin with every hold of the programme
    ) AS found
    LEFT JOIN books.account AS source
      ON source.programme = programme_id AND source.id = found.source
    LEFT JOIN books.account AS target
      ON target.programme = programme_id AND target.id = found.target
  );
END
$$;

-- Every account that a leg names, asked or on hold.
CREATE FUNCTION books.read_places(
  programme_id integer, legs books.asked_leg[], rests books.hold_rest[]
) RETURNS books.place[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  places books.place[];
BEGIN
  WITH touched AS (
    SELECT source AS code FROM unnest(legs) AS leg
    UNION SELECT target FROM unnest(legs) AS leg
    UNION SELECT source FROM unnest(rests) AS rest
    UNION SELECT target FROM unnest(rests) AS rest
  ), numbered AS (
    SELECT row_number() OVER (ORDER BY code)::integer AS no, code FROM touched
  )
  SELECT coalesce(array_agg(
    (numbered.no, account.id, numbered.code, account.kind, account.is_source,
     account_kind.holder_of, account_kind.has_group, account.year, account.holder,
     account.funder, account.budget_group, account.in_fen - account.out_fen - account.held_fen,
     account.ctid)::books.place
    ORDER BY numbered.no), '{}') INTO places
  FROM numbered
  LEFT JOIN books.account
    ON account.programme = programme_id AND account.code = numbered.code
  LEFT JOIN books.account_kind ON account_kind.code = account.kind;

  IF EXISTS (SELECT FROM unnest(places) AS place WHERE place.id IS NULL) THEN
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
      coalesce(p[4], '') AS budget_group, p[5]::integer AS year
    FROM regexp_match(
      account_code,
      '^([a-z_]+)(?::([^:@\s]*)(?::([^:@\s]*)(?::([^:@\s]+))?)?)?@([1-9][0-9]{3})$') AS p
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
  events books.asked_event[], legs books.asked_leg[], rests books.hold_rest[],
  places books.place[]
) RETURNS books.slot[] LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
BEGIN
  RETURN (
    WITH wanted AS (
      SELECT hold, source, target, rest_fen, row_at FROM unnest(rests) AS rest
      UNION ALL
      SELECT coalesce(e.hold, e.key), leg.source, leg.target, NULL, NULL
      FROM unnest(events) AS e
      JOIN unnest(legs) AS leg ON leg.position = e.position
      WHERE e.phase <> 'direct'
    ), numbered AS (
      SELECT row_number() OVER (ORDER BY hold, source, target)::integer AS no,
        hold, source, target, max(rest_fen) AS rest_fen, max(row_at) AS row_at
      FROM wanted
      GROUP BY hold, source, target
    )
    SELECT coalesce(array_agg(
      (numbered.no, numbered.hold, source.no, target.no, numbered.rest_fen, numbered.row_at
      )::books.slot
      ORDER BY numbered.no), '{}')
    FROM numbered
    JOIN unnest(places) AS source ON source.code = numbered.source
    JOIN unnest(places) AS target ON target.code = numbered.target
  );
END
$$;

CREATE FUNCTION books.read_helds(
  programme_id integer, events books.asked_event[], slots books.slot[]
) RETURNS books.held[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    WITH wanted AS (
      SELECT coalesce(hold, key) AS key, NULL::integer AS slot_no
      FROM unnest(events) AS e WHERE phase <> 'direct'
      UNION ALL
      SELECT hold, no FROM unnest(slots) AS slot
    ), numbered AS (
      SELECT row_number() OVER (ORDER BY key)::integer AS no, key,
        min(slot_no) AS first_slot, max(slot_no) AS last_slot
      FROM wanted
      GROUP BY key
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
  events books.asked_event[], legs books.asked_leg[], places books.place[], slots books.slot[]
) RETURNS books.numbered_leg[] LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(
      (leg.position, leg.no, source.no, target.no, slot.no, leg.amount_fen, e.phase,
       books.leg_text(leg.source, leg.target, leg.amount_fen),
       CASE
         WHEN leg.amount_fen IS NULL
           OR leg.amount_fen NOT BETWEEN 0 AND 899999999999999
           OR leg.amount_fen = 0 AND e.phase <> 'capture'
           THEN jsonb_build_object('reason', 'amount', 'asked_fen', leg.amount_fen)
         WHEN source.kind IS NULL OR target.kind IS NULL
           THEN jsonb_build_object('reason', 'account', 'account',
             CASE WHEN source.kind IS NULL THEN leg.source ELSE leg.target END)
         WHEN movement.event_kind IS NULL OR source.no = target.no
           THEN jsonb_build_object('reason', 'movement',
             'source', leg.source, 'target', leg.target)
         WHEN source.year <> target.year OR source.funder <> target.funder
           OR source.holder_of = target.holder_of AND source.holder <> target.holder
           OR source.has_group AND target.has_group
              AND source.budget_group <> target.budget_group
           THEN jsonb_build_object('reason', 'crossing',
             'source', leg.source, 'target', leg.target)
       END)::books.numbered_leg
      ORDER BY leg.position, leg.no), '{}')
    FROM unnest(legs) AS leg
    JOIN unnest(events) AS e ON e.position = leg.position
    LEFT JOIN unnest(places) AS source ON source.code = leg.source
    LEFT JOIN unnest(places) AS target ON target.code = leg.target
    LEFT JOIN books.movement
      ON movement.event_kind = e.kind
      AND movement.source_kind = source.kind AND movement.target_kind = target.kind
    LEFT JOIN unnest(slots) AS slot
      ON slot.hold = coalesce(e.hold, e.key)
      AND slot.source_no = source.no AND slot.target_no = target.no
  );
END
$$;

-- The events by number, each with its legs, its hold, its chain and what is wrong with it.
CREATE FUNCTION books.number_events(
  role_name text, events books.asked_event[], legs books.numbered_leg[], helds books.held[]
) RETURNS books.candidate[] LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
BEGIN
  RETURN (
    WITH leg_group AS (
      SELECT position,
        count(*) AS leg_count,
        count(*) > count(DISTINCT (source_no, target_no)) AS repeats_a_way,
        string_agg(written, '' ORDER BY no) AS legs_text,
        (array_agg(flaw ORDER BY no) FILTER (WHERE flaw IS NOT NULL))[1] AS flaw
      FROM unnest(legs) AS leg
      GROUP BY position
    ), linked AS (
      SELECT e.*, count(*) FILTER (WHERE e.starts_chain) OVER (ORDER BY e.position) AS chain_no
      FROM (
        SELECT *,
          chain <= 0 OR chain IS DISTINCT FROM lag(chain) OVER (ORDER BY position) AS starts_chain
        FROM unnest(events) AS e
      ) AS e
    ), numbered AS (
      SELECT e.*,
        min(e.position) OVER (PARTITION BY e.chain_no) AS chain_first,
        max(e.position) OVER (PARTITION BY e.chain_no) AS chain_last,
        min(e.position) OVER (PARTITION BY e.key) AS twin,
        coalesce(leg_group.leg_count, 0) AS leg_count,
        sum(coalesce(leg_group.leg_count, 0)) OVER (ORDER BY e.position)::integer AS last_leg,
        leg_group.repeats_a_way,
        leg_group.legs_text,
        leg_group.flaw AS leg_flaw,
        books.sha256_of(e.outbox::text) AS outbox_sha256
      FROM linked AS e
      LEFT JOIN leg_group ON leg_group.position = e.position
    )
    SELECT array_agg(
      (e.position, e.key, e.kind, e.phase, e.hold, e.ttl_seconds, e.is_final, e.occurred_at,
       e.reason, e.document, e.outbox, e.chain_first, e.chain_last, held.no,
       e.last_leg - e.leg_count + 1, e.last_leg, e.outbox_sha256,
       books.body(e.kind, e.hold, e.ttl_seconds, e.is_final, e.occurred_at, e.reason, e.document,
                  e.outbox_sha256, e.legs_text),
       e.known_seq, e.known_body, e.twin,
       CASE
         WHEN e.phase IS NULL
           THEN jsonb_build_object('code', 'invalid', 'reason', 'kind', 'kind', e.kind)
         WHEN NOT e.is_permitted
           THEN jsonb_build_object('code', 'forbidden', 'kind', e.kind, 'role', role_name)
         WHEN e.occurred_at IS NULL
           OR NOT (e.occurred_at >= '1000-01-01Z' AND e.occurred_at < '9999-12-31Z')
           THEN '{"code": "invalid", "reason": "occurred_at"}'::jsonb
         WHEN e.document !~ '^([0-9a-f]{64})?$'
           THEN '{"code": "invalid", "reason": "document"}'::jsonb
         WHEN e.chain < 0
           THEN '{"code": "invalid", "reason": "chain"}'::jsonb
         WHEN (e.hold IS NULL) <> (e.phase IN ('direct', 'hold'))
           THEN '{"code": "invalid", "reason": "hold"}'::jsonb
         WHEN (e.ttl_seconds IS NOT NULL) <> (e.phase = 'hold')
           OR e.ttl_seconds NOT BETWEEN 1 AND 315360000
           THEN '{"code": "invalid", "reason": "ttl"}'::jsonb
         WHEN e.is_final AND e.phase <> 'capture'
           THEN '{"code": "invalid", "reason": "final"}'::jsonb
         WHEN (e.leg_count > 0) <> (e.phase IN ('direct', 'hold', 'extend', 'capture'))
           AND NOT e.is_final
           OR e.repeats_a_way
           THEN '{"code": "invalid", "reason": "legs"}'::jsonb
         ELSE '{"code": "invalid"}'::jsonb || e.leg_flaw
       END)::books.candidate
      ORDER BY e.position)
    FROM numbered AS e
    LEFT JOIN unnest(helds) AS held
      ON held.key = coalesce(e.hold, e.key) AND e.phase <> 'direct'
  );
END
$$;

RESET ROLE;
