-- What was paid wrongly and is asked back; payments that are sent again; vouchers that are
-- carried into another year.

-- One demand (追回) of money that a payment has brought to its payee.
CREATE TABLE service.clawback (
    id            text PRIMARY KEY,
    payment       text NOT NULL REFERENCES service.payment,
    amount_fen    bigint NOT NULL CHECK (amount_fen > 0),
    recovered_fen bigint NOT NULL DEFAULT 0 CHECK (recovered_fen BETWEEN 0 AND amount_fen),
    state         text NOT NULL
                  CHECK (state IN ('demanded', 'contested', 'recovered', 'written_off', 'waived')),
    why           text NOT NULL,
    demanded_at   timestamptz NOT NULL
);
CREATE INDEX clawback_of ON service.clawback (payment);

-- How often a payment was sent: each time under the same id, after the time before had failed.
ALTER TABLE service.payment ADD COLUMN attempt integer NOT NULL DEFAULT 1 CHECK (attempt > 0);

GRANT SELECT ON service.clawback TO tallygrid_auditor;
GRANT SELECT, INSERT ON service.clawback TO tallygrid_web, tallygrid_worker, tallygrid_payer;
GRANT UPDATE (state, recovered_fen) ON service.clawback TO tallygrid_web;
GRANT UPDATE (attempt, sent_at) ON service.payment TO tallygrid_web;
GRANT UPDATE (fiscal_year) ON service.voucher TO tallygrid_web;
