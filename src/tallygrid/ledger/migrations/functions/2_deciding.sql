-- Deciding: what becomes of each event of a batch, in order, without touching a table.

SET LOCAL ROLE tallygrid_books;

-- What was decided, and the state of holds it leaves behind.
CREATE TYPE books.decision AS (
  verdicts    text[],    -- per event
  details     jsonb[],   -- per event: the values of a refusal
  twins       integer[], -- per event: for 'exists', the event of this batch it repeats
  hold_states text[],    -- per hold
  given_back  bigint[]   -- per slot: what a hold that closed had not captured
);

-- Whether a hold's state lets an event of a phase happen: null, or the code of the refusal.
CREATE FUNCTION books.hold_refusal(
  phase text, state text, deadline timestamptz, ledger_time timestamptz
) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE
  WHEN phase IN ('direct', 'hold') THEN NULL
  WHEN state = 'expired' THEN 'hold_expired'
  WHEN state IS NULL OR state NOT IN ('open', 'started') THEN 'hold_not_open'
  WHEN phase = 'expire' AND (state = 'started' OR deadline > ledger_time) THEN 'hold_not_overdue'
  WHEN phase = 'start' AND state = 'started' THEN 'hold_already_started'
  -- A late start or capture is refused even if nobody has swept the hold away yet.
  WHEN phase <> 'expire' AND state = 'open' AND deadline <= ledger_time THEN 'hold_expired'
END;

CREATE FUNCTION books.decide(
  ledger_time timestamptz, asked books.asked, known books.known, legs books.numbered_leg[],
  places books.place[], slots books.slot[], helds books.held[]
) RETURNS books.decision LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  bottomless CONSTANT bigint := 4000000000000000000;  -- what a source has to give
  events CONSTANT books.candidate[] := asked.events;
  held_nos CONSTANT integer[] := asked.held_nos;
  namesakes CONSTANT integer[] := asked.namesakes;
  known_seqs CONSTANT bigint[] := known.seqs;
  known_bodies CONSTANT bytea[] := known.bodies;
  result books.decision;
  verdicts text[] := '{}';
  details jsonb[] := '{}';
  twins integer[];
  posted_under integer[];        -- per first event of a key: the event that was posted under it
  available bigint[];            -- per place
  rest bigint[];                 -- per slot
  states text[];                 -- per hold
  deadlines timestamptz[];       -- per hold
  available_before bigint[];     -- the same three, as the current chain found them
  rest_before bigint[];
  states_before text[];
  chain_first integer;           -- the event with which the current chain begins
  chain_goes_on boolean := false;
  chain_is_broken boolean;
  event books.candidate;
  leg books.numbered_leg;
  held books.held;
  held_no integer;
  flaw jsonb;
  verdict text;
  detail jsonb;
  first_of_key integer;
  earlier integer;
  short_leg integer;
  asked_fen bigint;
  given_back bigint[];
BEGIN
  SELECT array_agg(CASE WHEN place.is_source THEN bottomless ELSE place.available_fen END
                   ORDER BY place.no)
    INTO available FROM unnest(places) AS place;
  SELECT array_agg(slot.rest_fen ORDER BY slot.no) INTO rest FROM unnest(slots) AS slot;
  SELECT array_agg(h.state ORDER BY h.no), array_agg(h.deadline ORDER BY h.no)
    INTO states, deadlines FROM unnest(helds) AS h;

  FOREACH event IN ARRAY events LOOP
    IF chain_goes_on THEN
      chain_goes_on := coalesce(events[event.position + 1].chain = event.chain, false);
    ELSE
      chain_first := event.position;
      chain_is_broken := false;
      chain_goes_on := event.chain > 0
        AND coalesce(events[event.position + 1].chain = event.chain, false);
      IF chain_goes_on THEN
        available_before := available;
        rest_before := rest;
        states_before := states;
      END IF;
    END IF;

    verdict := NULL;
    detail := '{}';
    flaw := event.flaw;
    held_no := held_nos[event.position];
    first_of_key := coalesce(namesakes[event.position], event.position);
    earlier := posted_under[first_of_key];
    FOR n IN event.first_leg .. event.last_leg LOOP
      EXIT WHEN flaw IS NOT NULL;
      flaw := '{"code": "invalid"}'::jsonb || legs[n].flaw;
    END LOOP;

    -- What is wrong whatever the state; then whether it has happened already.
    IF flaw IS NOT NULL THEN
      verdict := flaw ->> 'code';
      detail := flaw - 'code';
    ELSIF known_seqs[event.position] IS NOT NULL THEN
      verdict := CASE
        WHEN known_bodies[event.position] = event.body THEN 'exists' ELSE 'conflict' END;
    ELSIF verdicts[earlier] = 'posted' THEN  -- not if its chain was undone
      verdict := CASE WHEN events[earlier].body = event.body THEN 'exists' ELSE 'conflict' END;
      twins[event.position] := earlier;
    ELSIF event.phase <> 'direct' THEN
      verdict := books.hold_refusal(
        event.phase, states[held_no], deadlines[held_no], ledger_time);
      IF verdict IS NOT NULL THEN
        held := helds[held_no];
        detail := jsonb_build_object(
          'hold', held.key, 'state', coalesce(states[held_no], 'unknown'),
          'deadline', deadlines[held_no]);
      END IF;
    END IF;

    -- Take every leg from where it comes; if one falls short, give all back.
    IF verdict IS NULL THEN
      short_leg := NULL;
      FOR n IN event.first_leg .. event.last_leg LOOP
        leg := legs[n];
        IF event.phase = 'capture' THEN
          rest[leg.slot_no] := rest[leg.slot_no] - leg.amount_fen;
          IF rest[leg.slot_no] IS NULL OR rest[leg.slot_no] < 0 THEN
            short_leg := n;
            EXIT;
          END IF;
        ELSE
          available[leg.source_no] := available[leg.source_no] - leg.amount_fen;
          IF available[leg.source_no] < 0 THEN
            short_leg := n;
            EXIT;
          END IF;
        END IF;
      END LOOP;

      IF short_leg IS NOT NULL THEN
        FOR n IN event.first_leg .. short_leg LOOP
          leg := legs[n];
          IF event.phase = 'capture' THEN
            rest[leg.slot_no] := rest[leg.slot_no] + leg.amount_fen;
          ELSE
            available[leg.source_no] := available[leg.source_no] + leg.amount_fen;
          END IF;
        END LOOP;
        leg := legs[short_leg];
        asked_fen := leg.amount_fen;
        IF event.phase <> 'capture' THEN  -- all that the event takes from that account
          asked_fen := 0;
          FOR n IN event.first_leg .. event.last_leg LOOP
            IF legs[n].source_no = leg.source_no THEN
              asked_fen := asked_fen + legs[n].amount_fen;
            END IF;
          END LOOP;
        END IF;
        verdict := CASE event.phase WHEN 'capture' THEN 'exceeds_hold' ELSE 'insufficient' END;
        detail := jsonb_build_object(
          'account', places[leg.source_no].code,
          'available_fen', CASE event.phase
            WHEN 'capture' THEN coalesce(rest[leg.slot_no], 0)
            ELSE available[leg.source_no] END,
          'asked_fen', asked_fen);
      END IF;
    END IF;

    -- Then give every leg to where it goes.
    IF verdict IS NULL THEN
      verdict := 'posted';
      posted_under[first_of_key] := event.position;
      FOR n IN event.first_leg .. event.last_leg LOOP
        leg := legs[n];
        IF event.phase IN ('hold', 'extend') THEN
          rest[leg.slot_no] := coalesce(rest[leg.slot_no], 0) + leg.amount_fen;
        ELSE
          available[leg.target_no] := available[leg.target_no] + leg.amount_fen;
        END IF;
      END LOOP;

      IF event.phase = 'hold' THEN
        states[held_no] := 'open';
        deadlines[held_no] := 'infinity';  -- it lasts longer than this batch, at least
      ELSIF event.phase = 'start' OR event.phase = 'capture' AND NOT event.is_final THEN
        states[held_no] := 'started';  -- a first capture proves that work has begun
      ELSIF event.is_final OR event.phase IN ('release', 'expire') THEN
        held := helds[held_no];
        states[held_no] := CASE event.phase
          WHEN 'capture' THEN 'captured' WHEN 'release' THEN 'released' ELSE 'expired' END;
        FOR n IN held.first_slot .. held.last_slot LOOP
          available[slots[n].source_no] := available[slots[n].source_no] + coalesce(rest[n], 0);
        END LOOP;
      END IF;
    END IF;

    verdicts[event.position] := verdict;
    details[event.position] := detail;
    chain_is_broken := chain_is_broken OR verdict NOT IN ('posted', 'exists');

    -- A broken chain leaves nothing behind.
    IF chain_is_broken AND NOT chain_goes_on AND chain_first < event.position THEN
      available := available_before;
      rest := rest_before;
      states := states_before;
      FOR n IN chain_first .. event.position LOOP
        IF verdicts[n] = 'posted' OR verdicts[n] = 'exists' AND twins[n] >= chain_first THEN
          verdicts[n] := 'chain_failed';
        END IF;
      END LOOP;
    END IF;
  END LOOP;

  FOREACH held IN ARRAY helds LOOP
    IF states[held.no] NOT IN ('open', 'started')
       AND (held.state IS NULL OR held.state IN ('open', 'started')) THEN
      FOR n IN held.first_slot .. held.last_slot LOOP
        given_back[n] := coalesce(rest[n], 0);
      END LOOP;
    END IF;
  END LOOP;

  result := (verdicts, details, twins, states, given_back);
  RETURN result;
END
$$;

RESET ROLE;
