-- Money that was paid is asked back.
INSERT INTO service.clawback
SELECT clawback.*
FROM jsonb_populate_record(NULL::service.clawback, %(payload)s::jsonb) AS clawback
ON CONFLICT (id) DO NOTHING
