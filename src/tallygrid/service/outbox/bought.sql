-- Money is held for a purchase: the purchase comes into being, with the cards it reserved.
WITH given AS (
    SELECT
        %(payload)s::jsonb -> 'purchase' AS purchase,
        %(payload)s::jsonb -> 'reservation' AS reservation
),

bought AS (
    INSERT INTO service.purchase
    SELECT
        purchase ->> 'id',
        purchase ->> 'kind',
        purchase ->> 'applicant',
        purchase ->> 'contract',
        (purchase ->> 'account')::uuid,
        purchase ->> 'offer',
        purchase ->> 'site',
        purchase ->> 'provider',
        purchase,
        purchase ->> 'state',
        (purchase ->> 'placed_at')::timestamptz
    FROM given
    ON CONFLICT (id) DO NOTHING
)

INSERT INTO service.reservation
SELECT reserved.*
FROM given, jsonb_populate_record(NULL::service.reservation, given.reservation) AS reserved
WHERE jsonb_typeof(given.reservation) = 'object'
ON CONFLICT (purchase) DO NOTHING
