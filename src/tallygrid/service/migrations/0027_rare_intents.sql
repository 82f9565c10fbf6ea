-- What was closed, given up, lowered or asked back is looked for by its kind, and what was given
-- back of a voucher by its name; among all captures these are few.
CREATE INDEX intent_rare ON service.intent (kind)
WHERE kind IN ('close', 'give_up', 'lower', 'clawback');
CREATE INDEX intent_ended ON service.intent ((body ->> 'voucher'))
WHERE kind = 'end';
