-- Work has begun: from here its hold does not expire.
UPDATE service.purchase
SET state = 'running'
WHERE id = %(payload)s::jsonb ->> 'purchase' AND state = 'held'
