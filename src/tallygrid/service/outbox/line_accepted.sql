-- Usage or a delivery was accepted: one more line, and the purchase moves on.
WITH lined AS (
    INSERT INTO service.line
    SELECT line.*
    FROM jsonb_populate_record(NULL::service.line, %(payload)s::jsonb -> 'line') AS line
    ON CONFLICT (purchase, n) DO NOTHING
)
UPDATE service.purchase
SET state = %(payload)s::jsonb ->> 'state'
WHERE id = %(payload)s::jsonb -> 'line' ->> 'purchase'
