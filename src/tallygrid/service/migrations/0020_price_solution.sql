-- What prices rest on: they were solved at an instant, for what came in so many periods before.

CREATE TABLE service.price_solution (
    solved_at timestamptz PRIMARY KEY,
    period_h  integer NOT NULL CHECK (period_h IN (0, 24, 168)),  -- 0: too little was known
    periods   integer NOT NULL CHECK (periods >= 0),
    jobs      integer NOT NULL CHECK (jobs >= 0)
);

-- Of prices that were solved before this table was, nobody knows what they rested on.
INSERT INTO service.price_solution SELECT DISTINCT solved_at, 0, 0, 0 FROM service.price;

GRANT SELECT ON service.price_solution TO tallygrid_auditor;
GRANT SELECT, INSERT ON service.price_solution TO tallygrid_web, tallygrid_worker;
