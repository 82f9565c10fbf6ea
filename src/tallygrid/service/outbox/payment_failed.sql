-- The treasury sent a payment back; the money is payable again.
UPDATE service.payment
SET
    state = 'failed',
    receipt = %(payload)s::jsonb ->> 'receipt'
WHERE id = %(payload)s::jsonb ->> 'payment'
