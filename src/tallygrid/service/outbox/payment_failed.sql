-- The treasury sent a payment back; the money is payable again.
UPDATE service.payment
SET state = 'failed'
WHERE id = %(payload)s::jsonb ->> 'payment'
