-- Reversals (冲销): an entry that was wrong is undone by its exact mirror, once.
--
-- There is a kind per duty, so that whoever may post an entry may undo it, and nobody else.
-- `tallygrid.core.books` holds the same table; a test compares them.

SET LOCAL ROLE tallygrid_books;

INSERT INTO books.event_kind (code, phase) VALUES
  ('reverse_budget',  'direct'),
  ('reverse_use',     'direct'),
  ('reverse_payment', 'direct');

-- Which kind undoes an event of a kind.
CREATE TABLE books.reversal (
  event_kind  text PRIMARY KEY REFERENCES books.event_kind,
  reversed_by text NOT NULL REFERENCES books.event_kind
);

INSERT INTO books.reversal (event_kind, reversed_by)
SELECT unnest(ARRAY[
  'appropriate', 'reduce', 'award', 'withdraw', 'issue', 'lapse', 'limit', 'lower_limit',
  'close_carry_out', 'close_carry_in', 'close_lapse']), 'reverse_budget'
UNION ALL
SELECT unnest(ARRAY['capture', 'correct', 'award_ex_post', 'copay', 'discount']), 'reverse_use'
UNION ALL
SELECT unnest(ARRAY[
  'pay', 'confirm', 'fail', 'claw_back', 'waive', 'recover', 'write_off']), 'reverse_payment';

INSERT INTO books.movement (event_kind, source_kind, target_kind)
SELECT DISTINCT reversal.reversed_by, movement.target_kind, movement.source_kind
FROM books.reversal
JOIN books.movement ON movement.event_kind = reversal.event_kind;

INSERT INTO books.permission (role, event_kind) VALUES
  ('tallygrid_web',    'reverse_budget'),
  ('tallygrid_worker', 'reverse_use'),
  ('tallygrid_payer',  'reverse_payment');

-- The key under which an entry is undone: it follows from the entry's, so that it is once.
CREATE FUNCTION books.reversal_key(original uuid) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN encode(substr(books.sha256_of('reverse:' || original), 1, 16), 'hex')::uuid;

-- Whether an event undoes exactly the entry that its reason names.
CREATE FUNCTION books.is_mirror(reversal books.event) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, books, pg_temp AS $$
DECLARE
  original books.event;
BEGIN
  SELECT event.* INTO original
  FROM books.event
  WHERE event.programme = reversal.programme
    AND event.key = (regexp_match(
      reversal.reason,
      '^reverses ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}): '))[1]::uuid;
  RETURN original.seq IS NOT NULL
    AND original.seq < reversal.seq
    AND reversal.key = books.reversal_key(original.key)
    AND EXISTS (
      SELECT FROM books.reversal AS pair
      WHERE pair.event_kind = original.kind AND pair.reversed_by = reversal.kind)
    AND NOT EXISTS (
      SELECT FROM (
        SELECT source, target, amount_fen FROM books.leg
        WHERE leg.programme = original.programme AND leg.seq = original.seq
          AND leg.amount_fen > 0
      ) AS moved
      FULL JOIN (
        SELECT target AS source, source AS target, amount_fen FROM books.leg
        WHERE leg.programme = reversal.programme AND leg.seq = reversal.seq
      ) AS moved_back USING (source, target, amount_fen)
      WHERE moved.source IS NULL OR moved_back.source IS NULL);
END
$$;

-- Refuse what calls itself a reversal and is none. At the commit, when its legs stand too.
CREATE FUNCTION books.require_mirror() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, books, pg_temp AS $$
BEGIN
  IF NOT books.is_mirror(NEW) THEN
    RAISE EXCEPTION 'The event % does not mirror an entry that is in the books.', NEW.key
      USING ERRCODE = 'data_exception',
        HINT = 'A reversal names its entry and moves the same amounts the other way, once.';
  END IF;
  RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER reversal_mirrors AFTER INSERT ON books.event
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.kind LIKE 'reverse\_%')
  EXECUTE FUNCTION books.require_mirror();

REVOKE ALL ON books.reversal FROM PUBLIC;
REVOKE ALL ON FUNCTION books.reversal_key(uuid), books.is_mirror(books.event),
  books.require_mirror() FROM PUBLIC;
GRANT SELECT ON books.reversal
  TO tallygrid_migrator, tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor;

RESET ROLE;
