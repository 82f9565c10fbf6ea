-- The exact text whose hash stands for an event, so that anyone can compute it again.
--
-- One value per line; what is absent is an empty line. Only the reason may itself have several
-- lines, and it comes last, after an empty line that ends the legs; so no two different events
-- give one text. Accounts are named by their codes and instants in UTC, so that the text does
-- not depend on this database.
--
-- The hashes that are stored depend on these functions, so they are numbered like the tables:
-- they are never changed, and another text would be another algorithm beside this one. Every
-- function here is small enough for the planner to dissolve it into the query around it.

SET LOCAL ROLE tallygrid_books;

CREATE FUNCTION books.sha256_of(value text) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(value, 'UTF8'));

CREATE FUNCTION books.instant_text(value timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- One leg, a line of its event's body. No code holds a space.
CREATE FUNCTION books.leg_text(source_code text, target_code text, amount_fen bigint)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN concat(source_code, ' ', target_code, ' ', amount_fen, E'\n');

-- What the caller asked for. The same key must come with the same body.
CREATE FUNCTION books.body(
  kind text, hold uuid, ttl_seconds integer, is_final boolean, occurred_at timestamptz,
  reason text, document text, outbox_sha256 bytea, legs_text text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN books.sha256_of(concat(
  kind, E'\n',
  hold, E'\n',
  ttl_seconds, E'\n',
  CASE WHEN is_final THEN E'true\n' ELSE E'false\n' END,
  books.instant_text(occurred_at), E'\n',
  document, E'\n',
  encode(outbox_sha256, 'hex'), E'\n',
  legs_text, E'\n',
  reason
));

-- The body with what the books added: the place in them, the time, and who posted it.
-- `posting_text` is the same for all events that one role posted in a batch.
CREATE FUNCTION books.leaf(seq bigint, key uuid, body bytea, posting_text text)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN books.sha256_of(concat(posting_text, E'\n', seq, E'\n', key, E'\n', encode(body, 'hex')));

CREATE FUNCTION books.posting_text(
  programme_code text, batch bigint, posted_at timestamptz, posted_by text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN concat_ws(E'\n', programme_code, batch, books.instant_text(posted_at), posted_by);

CREATE FUNCTION books.leaf(
  programme_code text, seq bigint, batch bigint, key uuid, body bytea,
  posted_at timestamptz, posted_by text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN books.leaf(
  seq, key, body, books.posting_text(programme_code, batch, posted_at, posted_by));

-- What the first batch of a programme is chained to.
CREATE FUNCTION books.genesis(programme_code text, currency text)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN books.sha256_of(concat(programme_code, E'\n', currency));

-- The next link: the hash before, followed by the leaves in the order of their events.
CREATE FUNCTION books.link(previous bytea, leaves bytea)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(previous || leaves);

RESET ROLE;
