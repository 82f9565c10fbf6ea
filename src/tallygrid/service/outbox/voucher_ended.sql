-- A voucher ended with money left on it.
UPDATE service.voucher
SET state = %(payload)s::jsonb ->> 'state'
WHERE id = %(payload)s::jsonb ->> 'voucher'
