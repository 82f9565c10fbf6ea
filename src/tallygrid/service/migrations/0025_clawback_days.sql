-- Of which day the acts on a demand are: none is dated before the one that it follows.
ALTER TABLE service.clawback
    ADD COLUMN since    timestamptz,  -- when its state began: money may have come from then on
    ADD COLUMN acted_at timestamptz;  -- the latest day of all that was done about it
UPDATE service.clawback SET since = demanded_at, acted_at = demanded_at;
ALTER TABLE service.clawback
    ALTER COLUMN since SET NOT NULL,
    ALTER COLUMN acted_at SET NOT NULL;

GRANT UPDATE (since, acted_at) ON service.clawback TO tallygrid_web;
