-- Money that was paid is asked back.
INSERT INTO service.clawback
SELECT clawback.*
FROM jsonb_populate_record(
    NULL::service.clawback,
    %(payload)s::jsonb || jsonb_build_object(
        'since', %(payload)s::jsonb -> 'demanded_at',
        'acted_at', %(payload)s::jsonb -> 'demanded_at'
    )
) AS clawback
ON CONFLICT (id) DO NOTHING
