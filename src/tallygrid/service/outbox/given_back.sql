-- A hold was given back whole: the purchase did not happen, and its cards are free.
WITH freed AS (
    DELETE FROM service.reservation WHERE purchase = %(payload)s::jsonb ->> 'purchase'
)
UPDATE service.purchase
SET state = %(payload)s::jsonb ->> 'state'
WHERE id = %(payload)s::jsonb ->> 'purchase'
