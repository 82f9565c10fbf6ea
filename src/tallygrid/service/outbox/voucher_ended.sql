-- A voucher has expired or was revoked; what is left of it went back.
UPDATE service.voucher
SET state = %(payload)s::jsonb ->> 'state'
WHERE id = %(payload)s::jsonb ->> 'voucher' AND state IN ('issued', 'part_used')
