-- Nodes and leases: which cards a gang has, and cards held for a moment while it is bought.

-- The nodes of the pool that the gang stands on, numbered from 0: whole ones first, and the
-- one that holds the rest at last. None: taken before nodes were told.
ALTER TABLE service.reservation ADD COLUMN nodes integer[] NOT NULL DEFAULT '{}';

-- Cards promised to one purchase until it is bought, or for some minutes: whoever places
-- meanwhile finds them taken. One purchase has one lease.
CREATE TABLE service.lease (
    purchase   text PRIMARY KEY,
    site       text NOT NULL,
    model      text NOT NULL,
    cards      integer NOT NULL CHECK (cards > 0),
    nodes      integer[] NOT NULL,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL CHECK (ends_at > starts_at),
    expires_at timestamptz NOT NULL
);
CREATE INDEX lease_of ON service.lease (site, model);

GRANT SELECT ON service.lease TO tallygrid_auditor;
GRANT SELECT, INSERT, DELETE ON service.lease TO tallygrid_web, tallygrid_worker;

-- What the last solutions said that one more card-hour of a pool, or fen of a budget, is worth.
CREATE TABLE service.price (
    solved_at timestamptz NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('pool', 'budget')),
    site      text NOT NULL,  -- of a budget: its programme
    model     text NOT NULL,  -- of a budget: empty
    worth     bigint NOT NULL CHECK (worth >= 0),  -- fen per card-hour; of a budget: basis points
    PRIMARY KEY (solved_at, kind, site, model)
);

-- What a site told of itself, last. One that never did counts as the catalogue says.
CREATE TABLE service.site_report (
    site        text PRIMARY KEY,
    used_bp     integer NOT NULL CHECK (used_bp BETWEEN 0 AND 10000),
    reported_at timestamptz NOT NULL
);

GRANT SELECT ON service.price, service.site_report TO tallygrid_auditor;
GRANT SELECT, INSERT ON service.price TO tallygrid_web, tallygrid_worker;
GRANT SELECT, INSERT, UPDATE ON service.site_report TO tallygrid_web, tallygrid_worker;
