-- An award may be held while it is in public notice (公示), before its voucher is issued.
ALTER TABLE service.application DROP CONSTRAINT application_state_check;
ALTER TABLE service.application ADD CONSTRAINT application_state_check CHECK (state IN
    ('submitted', 'approved', 'refused', 'waiting', 'in_notice', 'awarded', 'withdrawn'));
