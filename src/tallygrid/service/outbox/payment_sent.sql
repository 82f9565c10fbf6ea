-- A payment left for its payee.
INSERT INTO service.payment
SELECT payment.*
FROM jsonb_populate_record(NULL::service.payment, %(payload)s::jsonb) AS payment
ON CONFLICT (id) DO NOTHING
