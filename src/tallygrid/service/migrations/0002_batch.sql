-- Batches: money that is shared out among applications together (docs/algorithms/allocation.md).

-- One batch as it was closed; the same name is the same batch.
CREATE TABLE service.batch (
    programme text NOT NULL,
    id        text NOT NULL,
    hash      text NOT NULL,
    rule      text NOT NULL,
    seed      text NOT NULL,
    money     jsonb NOT NULL,  -- what there was to award, and what of it was kept for groups
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (programme, id)
);

-- What each application got in a batch, and why; the decision is that of the closing, which
-- knows what was drawn meanwhile. Whether the books followed, its voucher tells.
CREATE TABLE service.allotment (
    programme   text NOT NULL,
    batch       text NOT NULL,
    application text NOT NULL REFERENCES service.application,
    decision    jsonb NOT NULL,
    asked_fen   bigint NOT NULL CHECK (asked_fen > 0),
    amount_fen  bigint NOT NULL CHECK (amount_fen BETWEEN 0 AND asked_fen),
    result      text NOT NULL
                CHECK (result IN ('granted', 'part', 'scaled', 'waiting', 'below_score')),
    place       integer NOT NULL,
    factor      text NOT NULL,
    PRIMARY KEY (programme, batch, application),
    FOREIGN KEY (programme, batch) REFERENCES service.batch
);

GRANT SELECT ON service.batch, service.allotment TO tallygrid_auditor;
GRANT SELECT, INSERT ON service.batch, service.allotment
    TO tallygrid_web, tallygrid_worker, tallygrid_payer;
