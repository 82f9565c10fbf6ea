-- An award without a voucher is owed: its application is awarded.
UPDATE service.application
SET state = 'awarded'
WHERE id = %(payload)s::jsonb ->> 'application'
