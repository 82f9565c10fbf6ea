-- Every claim on a contract asks whether another day of signing holds by now.
CREATE INDEX intent_amended ON service.intent ((body ->> 'applicant'), (body ->> 'contract'))
WHERE kind = 'amend';
