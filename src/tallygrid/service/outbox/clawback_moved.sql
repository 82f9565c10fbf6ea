-- What became of a demand: contested, upheld, dropped, recovered in part or whole, given up.
UPDATE service.clawback
SET
    state = %(payload)s::jsonb ->> 'state',
    recovered_fen = (%(payload)s::jsonb ->> 'recovered_fen')::bigint
WHERE id = %(payload)s::jsonb ->> 'clawback'
