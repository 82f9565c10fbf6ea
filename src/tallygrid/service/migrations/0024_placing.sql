-- Work that found no place: every offer's reason, and what the forecast learns of it.

CREATE TABLE service.unplaced (
    id       text PRIMARY KEY,  -- what its purchase would have been called: asked again, it is once
    asked_at timestamptz NOT NULL,
    document jsonb NOT NULL     -- the placement; and the wish, where a voucher stood behind it
);
CREATE INDEX unplaced_at ON service.unplaced (asked_at);

GRANT SELECT ON service.unplaced TO tallygrid_auditor;
GRANT SELECT, INSERT ON service.unplaced TO tallygrid_web, tallygrid_worker;

-- Cards are free again when the job has ended, not only when it might have.
GRANT UPDATE (ends_at) ON service.reservation TO tallygrid_web;
