-- Asking: what a batch says, read before anything is locked.
--
-- Whatever does not depend on the state of the books is found here: what each event says, the
-- hash of it, and what is wrong with it whatever the state. Another batch may be deciding and
-- writing meanwhile, under the lock; so this part of the work waits for nobody.

SET LOCAL ROLE tallygrid_books;

-- An event as asked.
CREATE TYPE books.candidate AS (
  position      integer,  -- its place in the batch
  key           uuid,
  kind          text,
  phase         text,     -- null: there is no such kind
  hold          uuid,
  ttl_seconds   integer,
  is_final      boolean,
  occurred_at   timestamptz,
  reason        text,
  document      text,
  outbox        jsonb,
  chain         integer,
  first_leg     integer,  -- its legs among those of the batch
  last_leg      integer,
  outbox_sha256 bytea,
  body          bytea,
  flaw          jsonb     -- why it can never be posted: {"code": …, "reason": …, …}
);

-- A leg as written; `position` is its event's.
CREATE TYPE books.written_leg AS (
  position integer, no integer, source text, target text, amount_fen bigint
);

-- A leg with its accounts by their numbers, and with the kind, phase and hold of its event.
CREATE TYPE books.asked_leg AS (
  position integer, no integer, source_no integer, target_no integer, amount_fen bigint,
  kind text, phase text, held_no integer
);

-- A batch as asked. Accounts and holds are numbered from 1, in the order of these arrays.
CREATE TYPE books.asked AS (
  events     books.candidate[],
  legs       books.asked_leg[],
  codes      text[],    -- every account that a leg names, once
  holds      uuid[],    -- every hold that an event opens or refers to, once
  held_nos   integer[], -- per event: the number of its hold
  namesakes  integer[]  -- per event: the first one with its key; empty if no key comes twice
);

-- The first `swept` events are the books' own and need no permission.
CREATE FUNCTION books.read_batch(role_name text, swept integer, batch jsonb)
RETURNS books.asked LANGUAGE plpgsql STABLE AS $$
DECLARE
  written CONSTANT books.written_leg[] := books.read_legs(batch);
  events CONSTANT books.candidate[] := books.read_events(role_name, swept, batch, written);
  codes CONSTANT text[] := ARRAY(
    SELECT source FROM unnest(written) AS leg WHERE source IS NOT NULL
    UNION
    SELECT target FROM unnest(written) AS leg WHERE target IS NOT NULL
    ORDER BY 1);
  holds CONSTANT uuid[] := ARRAY(
    SELECT DISTINCT coalesce(hold, key) FROM unnest(events) AS e WHERE phase <> 'direct'
    ORDER BY 1);
  held_nos CONSTANT integer[] := books.number_holds(events, holds);
  asked books.asked;
BEGIN
  asked := (
    events, books.number_accounts(events, written, codes, held_nos), codes, holds, held_nos,
    books.find_namesakes(events));
  RETURN asked;
END
$$;

CREATE FUNCTION books.read_legs(batch jsonb) RETURNS books.written_leg[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(
      (e.position, leg.no, leg.source, leg.target, leg.amount_fen)::books.written_leg
      ORDER BY e.position, leg.no), '{}')
    FROM jsonb_array_elements(batch) WITH ORDINALITY AS e (event, position)
    CROSS JOIN ROWS FROM (
      jsonb_to_recordset(coalesce(e.event -> 'legs', '[]'))
        AS (source text, target text, amount_fen bigint)
    ) WITH ORDINALITY AS leg (source, target, amount_fen, no)
  );
END
$$;

CREATE FUNCTION books.read_events(
  role_name text, swept integer, batch jsonb, legs books.written_leg[]
) RETURNS books.candidate[] LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
BEGIN
  RETURN (
    WITH leg_group AS (
      SELECT leg.position, min(leg.row_no) AS first_leg, max(leg.row_no) AS last_leg,
        string_agg(
          books.leg_text(leg.source, leg.target, leg.amount_fen), '' ORDER BY leg.row_no)
          AS legs_text
      FROM unnest(legs) WITH ORDINALITY
        AS leg (position, no, source, target, amount_fen, row_no)
      GROUP BY leg.position
    ), repeating AS (
      SELECT DISTINCT leg.position
      FROM unnest(legs) AS leg
      GROUP BY leg.position, leg.source, leg.target
      HAVING count(*) > 1
    ), e AS (
      SELECT said.position, said.key, said.kind, event_kind.phase, said.hold, said.ttl_seconds,
        coalesce(said.final, false) AS is_final, said.occurred_at,
        coalesce(said.reason, '') AS reason, coalesce(said.document, '') AS document,
        said.outbox, coalesce(said.chain, 0) AS chain,
        said.position <= swept OR permission.role IS NOT NULL AS is_permitted,
        coalesce(leg_group.first_leg, 1) AS first_leg,
        coalesce(leg_group.last_leg, 0) AS last_leg,
        leg_group.legs_text,
        repeating.position IS NOT NULL AS repeats_a_way,
        books.sha256_of(said.outbox::text) AS outbox_sha256
      FROM ROWS FROM (
        jsonb_to_recordset(batch) AS (
          key uuid, kind text, hold uuid, ttl_seconds integer, final boolean,
          occurred_at timestamptz, reason text, document text, outbox jsonb, chain integer)
      ) WITH ORDINALITY AS said
        (key, kind, hold, ttl_seconds, final, occurred_at, reason, document, outbox, chain,
         position)
      LEFT JOIN books.event_kind ON event_kind.code = said.kind
      LEFT JOIN books.permission
        ON permission.role = role_name AND permission.event_kind = said.kind
      LEFT JOIN leg_group ON leg_group.position = said.position
      LEFT JOIN repeating ON repeating.position = said.position
      OFFSET 0  -- or the message would be hashed wherever its hash is used
    )
    SELECT array_agg(
      (e.position, e.key, e.kind, e.phase, e.hold, e.ttl_seconds, e.is_final, e.occurred_at,
       e.reason, e.document, e.outbox, e.chain, e.first_leg, e.last_leg, e.outbox_sha256,
       books.body(e.kind, e.hold, e.ttl_seconds, e.is_final, e.occurred_at, e.reason, e.document,
                  e.outbox_sha256, e.legs_text),
       CASE
         WHEN e.phase IS NULL
           THEN jsonb_build_object('code', 'invalid', 'reason', 'kind', 'kind', e.kind)
         WHEN NOT e.is_permitted
           THEN jsonb_build_object('code', 'forbidden', 'kind', e.kind, 'role', role_name)
         WHEN e.occurred_at IS NULL
           OR NOT (e.occurred_at >= '1000-01-01Z' AND e.occurred_at < '9999-12-31Z')
           THEN '{"code": "invalid", "reason": "occurred_at"}'::jsonb
         WHEN e.document <> '' AND NOT books.is_sha256(e.document)
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
         WHEN (e.last_leg >= e.first_leg)
             <> (e.phase IN ('direct', 'hold', 'extend', 'capture'))
           AND NOT e.is_final
           OR e.repeats_a_way
           THEN '{"code": "invalid", "reason": "legs"}'::jsonb
       END)::books.candidate
      ORDER BY e.position)
    FROM e
  );
END
$$;

-- Per event, the number of its hold; nothing, if no event has one.
CREATE FUNCTION books.number_holds(events books.candidate[], holds uuid[])
RETURNS integer[] LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
BEGIN
  IF cardinality(holds) = 0 THEN
    RETURN '{}';
  END IF;
  RETURN (
    SELECT array_agg(held.no ORDER BY e.position)
    FROM unnest(events) AS e
    LEFT JOIN unnest(holds) WITH ORDINALITY AS held (key, no)
      ON held.key = coalesce(e.hold, e.key) AND e.phase <> 'direct'
  );
END
$$;

CREATE FUNCTION books.number_accounts(
  events books.candidate[], legs books.written_leg[], codes text[], held_nos integer[]
) RETURNS books.asked_leg[] LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET enable_hashjoin = on AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(
      (leg.position, leg.no, source.no, target.no, leg.amount_fen, e.kind, e.phase,
       held_nos[leg.position])::books.asked_leg
      ORDER BY leg.position, leg.no), '{}')
    FROM unnest(legs) AS leg
    JOIN unnest(events) AS e ON e.position = leg.position
    LEFT JOIN unnest(codes) WITH ORDINALITY AS source (code, no) ON source.code = leg.source
    LEFT JOIN unnest(codes) WITH ORDINALITY AS target (code, no) ON target.code = leg.target
  );
END
$$;

CREATE FUNCTION books.find_namesakes(events books.candidate[]) RETURNS integer[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF (SELECT count(DISTINCT key) = count(*) FROM unnest(events) AS e) THEN
    RETURN '{}';
  END IF;
  RETURN (
    SELECT array_agg(e.first ORDER BY e.position)
    FROM (
      SELECT position, min(position) OVER (PARTITION BY key) AS first FROM unnest(events) AS e
    ) AS e
  );
END
$$;

RESET ROLE;
