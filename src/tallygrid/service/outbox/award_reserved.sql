-- Money is reserved for an award while it is in public notice.
UPDATE service.application
SET state = 'in_notice'
WHERE id = %(payload)s::jsonb ->> 'application'
