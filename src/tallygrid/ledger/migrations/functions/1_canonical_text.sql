-- The exact text whose hash stands for an event, so that anyone can compute it again.
--
-- A field is written as its length in bytes, a colon and itself ('5:hello'); an absent value
-- as the empty field ('0:'). No two different events can therefore give one text. Accounts
-- are named by their codes and instants in UTC, so the text does not depend on this database.
--
-- Every function here is small enough for the planner to dissolve it into the query around
-- it; the three that know their length in advance are there for that reason.

SET LOCAL ROLE tallygrid_books;

CREATE FUNCTION books.field(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(octet_length(value)::text || ':' || value, '0:');

CREATE FUNCTION books.uuid_field(value uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce('36:' || value::text, '0:');

CREATE FUNCTION books.sha256_field(value bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce('64:' || encode(value, 'hex'), '0:');

CREATE FUNCTION books.instant_field(value timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN '27:' || to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

CREATE FUNCTION books.sha256_of(value text) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(value, 'UTF8'));

-- One leg, as part of its event's body.
CREATE FUNCTION books.leg_text(source_code text, target_code text, amount_fen bigint)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN books.field(source_code) || books.field(target_code) || books.field(amount_fen::text);

-- What the caller asked for. The same key must come with the same body.
CREATE FUNCTION books.body(
  kind text, hold uuid, ttl_seconds integer, is_final boolean, occurred_at timestamptz,
  reason text, document text, outbox_sha256 bytea, legs_text text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN books.sha256_of(
  books.field(kind)
  || books.uuid_field(hold)
  || books.field(ttl_seconds::text)
  || books.field(is_final::text)
  || books.instant_field(occurred_at)
  || books.field(reason)
  || books.field(document)
  || books.sha256_field(outbox_sha256)
  || coalesce(legs_text, '')
);

-- The body with what the books added: the place in them, the time, and who posted it.
CREATE FUNCTION books.leaf(
  programme_code text, seq bigint, batch bigint, key uuid, body bytea,
  posted_at timestamptz, posted_by text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN books.sha256_of(
  books.field(programme_code)
  || books.field(seq::text)
  || books.field(batch::text)
  || books.uuid_field(key)
  || books.sha256_field(body)
  || books.instant_field(posted_at)
  || books.field(posted_by)
);

-- What the first batch of a programme is chained to.
CREATE FUNCTION books.genesis(programme_code text, currency text)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN books.sha256_of(books.field(programme_code) || books.field(currency));

-- The next link: the hash before, followed by the leaves in the order of their events.
CREATE FUNCTION books.link(previous bytea, leaves bytea)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(previous || leaves);

RESET ROLE;
