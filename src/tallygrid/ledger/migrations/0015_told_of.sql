-- What the application was told of a voucher, a purchase, a payment or a demand is found by its
-- name, however long the books are: evidence asks for it.

SET LOCAL ROLE tallygrid_books;

-- The name of what a message tells of; none, where nobody looks for it.
CREATE FUNCTION books.told_of(payload jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(
  payload ->> 'payment', payload ->> 'clawback', payload #>> '{purchase,id}',
  payload #>> '{line,purchase}', payload ->> 'id');

CREATE INDEX outbox_told_of ON books.outbox (books.told_of(payload))
  WHERE books.told_of(payload) IS NOT NULL;

REVOKE ALL ON FUNCTION books.told_of(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION books.told_of(jsonb)
  TO tallygrid_migrator, tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor;

RESET ROLE;
