-- Who sees what: an authority, a provider and an applicant each see their own rows, and whoever
-- shows no token sees none (docs/howto/who-sees-what.md, docs/adr/0021-signed-scope.md).
--
-- A reader logs in as `tallygrid_authority`, `_provider` or `_applicant`, and in a transaction
-- shows a token of that kind:
--
--     SELECT set_config('tallygrid.token', $1, true)
--
-- Anybody may set that. What counts is the signature, which every query proves again, once,
-- however many rows it reads: hence `(SELECT service.…())` around each call below.

-- Functions are closed to all whom nobody has let in.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- What tokens are signed with. Nobody but the owner reads this table: the functions below do.
-- RFC 2104 mixes the key with two constants before it is used; here it is kept mixed.
CREATE TABLE service.signing_key (
    id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    inner_key bytea NOT NULL CHECK (octet_length(inner_key) = 64),
    outer_key bytea NOT NULL CHECK (octet_length(outer_key) = 64),
    ends_at   timestamptz NOT NULL DEFAULT 'infinity'  -- what it signed counts until then
);

-- A key as HMAC wants it: brought to the 64 bytes of a block of SHA-256, each mixed with one byte.
CREATE FUNCTION service.hmac_key(key bytea, mixed_with integer)
RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN (
    SELECT string_agg(
        set_byte('\x00', 0, mixed_with # CASE WHEN n < length(brief) THEN get_byte(brief, n) ELSE 0 END),
        '' ORDER BY n
    )
    FROM
        (SELECT CASE WHEN length(key) > 64 THEN sha256(key) ELSE key END AS brief) AS given,
        generate_series(0, 63) AS n
);

-- HMAC-SHA256 (RFC 2104) with a key that was mixed before; PostgreSQL has SHA-256, and no more.
CREATE FUNCTION service.hmac_sha256(inner_key bytea, outer_key bytea, message bytea)
RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN sha256(outer_key || sha256(inner_key || message));

-- Begin to sign with a new key. What the keys before it signed counts for so much longer.
CREATE FUNCTION service.renew_signing_key(overlap interval)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    -- A random UUID has 122 bits of the server's strong chance.
    secret bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                           || uuid_send(gen_random_uuid()));
BEGIN
    DELETE FROM service.signing_key WHERE ends_at <= clock_timestamp();
    UPDATE service.signing_key SET ends_at = least(ends_at, clock_timestamp() + overlap);
    INSERT INTO service.signing_key (inner_key, outer_key)
    VALUES (service.hmac_key(secret, 54), service.hmac_key(secret, 92));  -- 0x36 and 0x5c
END
$$;

SELECT service.renew_signing_key('0');

-- Give out a token: who bears it, until when, and by which key, under a signature of all that.
-- Only the part of the system at which people log in may do this.
CREATE FUNCTION service.sign_token(kind text, id text, lifetime interval)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    key service.signing_key;
    ends_at bigint := ceil(extract(epoch FROM clock_timestamp() + lifetime));
    said text;
BEGIN
    IF kind IS NULL OR kind NOT IN ('authority', 'provider', 'applicant')
        OR id IS NULL OR id !~ '^[^.[:space:]]{1,64}$'
        OR lifetime IS NULL OR lifetime NOT BETWEEN '1 second' AND '31 days' THEN
        RAISE EXCEPTION 'No token for % % for %.', kind, id, lifetime
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Name an authority, a provider or an applicant, and 31 days at most.';
    END IF;
    SELECT * INTO STRICT key FROM service.signing_key
    WHERE signing_key.ends_at = 'infinity' ORDER BY signing_key.id DESC LIMIT 1;
    said := concat_ws('.', '1', kind, id, ends_at, key.id);
    RETURN said || '.' || encode(
        service.hmac_sha256(key.inner_key, key.outer_key, convert_to(said, 'UTF8')), 'hex');
END
$$;

-- Who of a kind bears the token of this transaction: nobody, if anything at all is wrong with it.
-- It never raises: an error would tell what no row tells. Only what we signed is read as numbers.
CREATE FUNCTION service.bearer(kind text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token text := current_setting('tallygrid.token', true);
    said text := left(token, -65);  -- all but the last point and the signature after it
    part text[] := string_to_array(said, '.');
    key service.signing_key;
    signature text;
BEGIN
    SELECT * INTO key FROM service.signing_key
    WHERE signing_key.id::text = part[5] AND signing_key.ends_at > clock_timestamp();
    signature := '.' || encode(
        service.hmac_sha256(key.inner_key, key.outer_key, convert_to(said, 'UTF8')), 'hex');
    -- Compared by their hashes: how early two of those differ tells nothing of a signature.
    IF sha256(convert_to(right(token, 65), 'UTF8')) = sha256(convert_to(signature, 'UTF8')) THEN
        -- The clock's time, not the transaction's: a token must not outlive itself in a long one.
        IF part[2] = kind AND to_timestamp(part[4]::bigint) > clock_timestamp() THEN
            RETURN part[3];
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- The programmes of the authority that bears the token. It is known by the code of its place
-- (GB/T 2260), as everywhere in the catalogue.
CREATE FUNCTION service.programmes() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT array_agg(DISTINCT programme) FROM service.programme_version
    WHERE document -> 'place' ->> 'code' = (SELECT service.bearer('authority'))
);

-- The same programmes, as the books number them.
CREATE FUNCTION service.books() RETURNS integer[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT array_agg(id) FROM books.programme
    WHERE code = ANY ((SELECT service.programmes())::text[])
);

GRANT EXECUTE ON FUNCTION service.sign_token(text, text, interval) TO tallygrid_web;
GRANT EXECUTE ON FUNCTION service.bearer(text)
    TO tallygrid_authority, tallygrid_provider, tallygrid_applicant;
GRANT EXECUTE ON FUNCTION service.programmes(), service.books() TO tallygrid_authority;

-- What the policies look for.
CREATE INDEX programme_of ON service.programme_version
    ((document -> 'place' ->> 'code'), programme);
CREATE INDEX application_of ON service.application (applicant);
CREATE INDEX application_under ON service.application (programme);
CREATE INDEX voucher_under ON service.voucher (programme);
CREATE INDEX purchase_from ON service.purchase (provider);
CREATE INDEX purchase_under ON service.purchase USING gin (
    (jsonb_path_query_array(document, '$.shares[*].programme')));
CREATE INDEX allotment_of ON service.allotment (application);
CREATE INDEX payment_to ON service.payment (payee);
CREATE INDEX payment_under ON service.payment (programme);

-- Closed to everyone but the house itself, which works for all of them.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'programme_version', 'party', 'application', 'voucher', 'purchase', 'reservation', 'line',
        'payment', 'clawback', 'batch', 'allotment'
    ] LOOP
        EXECUTE format('ALTER TABLE service.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY all_for_the_house ON service.%I
                TO tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor
                USING (true) WITH CHECK (true)',
            name);
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA service TO tallygrid_authority, tallygrid_provider, tallygrid_applicant;

-- Everybody: what is published, and what belongs to a row that one sees.
GRANT SELECT ON
    service.programme_version, service.party, service.purchase, service.reservation, service.line,
    service.payment, service.clawback
    TO tallygrid_authority, tallygrid_provider, tallygrid_applicant;

DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['authority', 'provider', 'applicant'] LOOP
        EXECUTE format(
            'CREATE POLICY published_for_%1$s ON service.programme_version FOR SELECT
                TO tallygrid_%1$s USING ((SELECT service.bearer(%1$L)) IS NOT NULL)', kind);
        EXECUTE format(
            'CREATE POLICY published_for_%1$s ON books.programme FOR SELECT
                TO tallygrid_%1$s USING ((SELECT service.bearer(%1$L)) IS NOT NULL)', kind);
    END LOOP;
END
$$;
CREATE POLICY with_its_purchase ON service.reservation FOR SELECT
    TO tallygrid_authority, tallygrid_provider, tallygrid_applicant
    USING (EXISTS (SELECT FROM service.purchase WHERE purchase.id = reservation.purchase));
CREATE POLICY with_its_purchase ON service.line FOR SELECT
    TO tallygrid_authority, tallygrid_provider, tallygrid_applicant
    USING (EXISTS (SELECT FROM service.purchase WHERE purchase.id = line.purchase));

CREATE POLICY with_its_payment ON service.clawback FOR SELECT
    TO tallygrid_authority, tallygrid_provider, tallygrid_applicant
    USING (EXISTS (SELECT FROM service.payment WHERE payment.id = clawback.payment));

-- An applicant: what it asked for, was granted, bought, and is paid; and what its accounts and
-- its vouchers' hold. The kinds are named, lest a cap or contract of its name be taken for it.
GRANT SELECT ON service.application, service.voucher, service.allotment TO tallygrid_applicant;
CREATE POLICY for_applicant ON service.party FOR SELECT TO tallygrid_applicant
    USING (id = (SELECT service.bearer('applicant')));
CREATE POLICY for_applicant ON service.application FOR SELECT TO tallygrid_applicant
    USING (applicant = (SELECT service.bearer('applicant')));
CREATE POLICY for_applicant ON service.voucher FOR SELECT TO tallygrid_applicant
    USING (applicant = (SELECT service.bearer('applicant')));
CREATE POLICY for_applicant ON service.purchase FOR SELECT TO tallygrid_applicant
    USING (applicant = (SELECT service.bearer('applicant')));
CREATE POLICY for_applicant ON service.payment FOR SELECT TO tallygrid_applicant
    USING (payee = (SELECT service.bearer('applicant')));
CREATE POLICY for_applicant ON books.account FOR SELECT TO tallygrid_applicant
    USING (
        kind = ANY (ARRAY[
            'payable', 'in_payment', 'paid', 'recoverable', 'written_off',
            'copay_due', 'copay_received', 'copay_overdue'])
        AND holder = (SELECT service.bearer('applicant'))
        OR kind = 'committed'
        AND EXISTS (SELECT FROM service.voucher WHERE voucher.id = account.holder)
    );

-- A provider: what was bought from it, and what it is paid and has left off.
CREATE POLICY for_provider ON service.party FOR SELECT TO tallygrid_provider
    USING (id = (SELECT service.bearer('provider')));
CREATE POLICY for_provider ON service.purchase FOR SELECT TO tallygrid_provider
    USING (provider = (SELECT service.bearer('provider')));
CREATE POLICY for_provider ON service.payment FOR SELECT TO tallygrid_provider
    USING (payee = (SELECT service.bearer('provider')));
CREATE POLICY for_provider ON books.account FOR SELECT TO tallygrid_provider
    USING (
        kind = ANY (ARRAY[
            'payable', 'in_payment', 'paid', 'recoverable', 'written_off', 'discount_given'])
        AND holder = (SELECT service.bearer('provider'))
    );

-- An authority: all that happens under its programmes and whom it happens to, and their books.
GRANT SELECT ON service.application, service.voucher, service.batch, service.allotment
    TO tallygrid_authority;
CREATE POLICY for_authority ON service.purchase FOR SELECT TO tallygrid_authority
    USING (
        jsonb_path_query_array(document, '$.shares[*].programme') ?| (SELECT service.programmes())
    );
CREATE POLICY for_authority ON service.party FOR SELECT TO tallygrid_authority
    USING (
        EXISTS (SELECT FROM service.application WHERE application.applicant = party.id)
        OR EXISTS (SELECT FROM service.purchase WHERE purchase.provider = party.id)
    );

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['application', 'voucher', 'payment', 'batch', 'allotment'] LOOP
        EXECUTE format(
            'CREATE POLICY for_authority ON service.%I FOR SELECT TO tallygrid_authority
                USING (programme = ANY ((SELECT service.programmes())::text[]))',
            name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY[
        'account', 'event', 'leg', 'hold', 'hold_leg', 'batch', 'refusal'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY for_authority ON books.%I FOR SELECT TO tallygrid_authority
                USING (programme = ANY ((SELECT service.books())::integer[]))',
            name);
    END LOOP;
END
$$;
CREATE POLICY with_its_application ON service.allotment FOR SELECT TO tallygrid_applicant
    USING (EXISTS (SELECT FROM service.application WHERE application.id = allotment.application));
