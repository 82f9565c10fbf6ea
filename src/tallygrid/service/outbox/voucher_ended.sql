-- A voucher has expired or was revoked; what was left of it went back. One that was used up to
-- the last fen stays that, unless something of it went back after all.
UPDATE service.voucher
SET state = %(payload)s::jsonb ->> 'state'
WHERE
    id = %(payload)s::jsonb ->> 'voucher'
    AND (
        state IN ('issued', 'part_used')
        OR state = 'used_up' AND (%(payload)s::jsonb ->> 'gave_back')::boolean
    )
