-- What became of a demand: contested, upheld, dropped, recovered in part or whole, given up.
-- Receipts may be booked in another order than the money came in.
UPDATE service.clawback
SET
    state = %(payload)s::jsonb ->> 'state',
    recovered_fen = (%(payload)s::jsonb ->> 'recovered_fen')::bigint,
    since = CASE state
        WHEN %(payload)s::jsonb ->> 'state' THEN since
        ELSE (%(payload)s::jsonb ->> 'at')::timestamptz
    END,
    acted_at = greatest(acted_at, (%(payload)s::jsonb ->> 'at')::timestamptz)
WHERE id = %(payload)s::jsonb ->> 'clawback'
