-- A payment that had failed was sent again, under the same id.
UPDATE service.payment
SET
    state = 'sent',
    receipt = '',
    attempt = (%(payload)s::jsonb ->> 'attempt')::integer,
    sent_at = (%(payload)s::jsonb ->> 'sent_at')::timestamptz
WHERE id = %(payload)s::jsonb ->> 'payment'
