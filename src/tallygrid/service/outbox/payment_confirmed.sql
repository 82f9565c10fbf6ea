-- The treasury confirmed a payment.
UPDATE service.payment
SET
    state = 'confirmed',
    receipt = %(payload)s::jsonb ->> 'receipt',
    confirmed_at = (%(payload)s::jsonb ->> 'confirmed_at')::timestamptz
WHERE id = %(payload)s::jsonb ->> 'payment'
