-- An award that was in public notice was withdrawn; its money went back.
UPDATE service.application
SET state = 'withdrawn'
WHERE id = %(payload)s::jsonb ->> 'application'
