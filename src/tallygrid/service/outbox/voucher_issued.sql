-- A voucher was issued: it comes into being, and its application is awarded.
WITH awarded AS (
    UPDATE service.application
    SET state = 'awarded'
    WHERE id = %(payload)s::jsonb ->> 'application'
)
INSERT INTO service.voucher
SELECT voucher.*
FROM
    jsonb_populate_record(
        NULL::service.voucher, '{"budget_group": ""}' || %(payload)s::jsonb
    ) AS voucher
ON CONFLICT (id) DO NOTHING
