-- The application's own rows. They are never ahead of the books: a use case first commits its
-- intent, then posts, and these rows move only from the outbox that the posting left behind
-- (docs/adr/0005-intent-posting-outbox.md).

CREATE SCHEMA service;

-- What this database is for: `demonstration` marks data that may be thrown away.
CREATE TABLE service.setting (
    name  text PRIMARY KEY,
    value jsonb NOT NULL
);

-- Which books these are: a site that serves several, or served others before, tells the jobs
-- of one from those of another by it.
INSERT INTO service.setting VALUES ('installation', to_jsonb(gen_random_uuid()));

-- One organisation, known by its unified social credit code.
CREATE TABLE service.party (
    id    text PRIMARY KEY,
    name  jsonb NOT NULL,
    facts jsonb NOT NULL
);

-- A programme as published: never edited, one row per content hash.
CREATE TABLE service.programme_version (
    programme    text NOT NULL,
    hash         text NOT NULL,
    document     jsonb NOT NULL,
    assumptions  jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (programme, hash)
);

-- What somebody asked for, under the key they chose, with the postings it leads to.
-- An intent without outcome is carried out again after a crash.
CREATE TABLE service.intent (
    key        uuid PRIMARY KEY,
    kind       text NOT NULL,
    body       jsonb NOT NULL,
    postings   jsonb NOT NULL,
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt    integer NOT NULL DEFAULT 0,
    outcome    jsonb,
    settled_at timestamptz
);
CREATE INDEX intent_unsettled ON service.intent (asked_at) WHERE settled_at IS NULL;

-- An answered request for a voucher, with the whole decision.
CREATE TABLE service.application (
    id           text PRIMARY KEY,
    programme    text NOT NULL,
    hash         text NOT NULL,
    applicant    text NOT NULL REFERENCES service.party,
    contract     text NOT NULL,
    facts        jsonb NOT NULL,
    decision     jsonb NOT NULL,
    barred       text NOT NULL,  -- which other programme's voucher on the contract bars this one, and why
    state        text NOT NULL
                 CHECK (state IN ('submitted', 'approved', 'refused', 'waiting', 'awarded')),
    submitted_at timestamptz NOT NULL,
    decided_at   timestamptz NOT NULL
);

-- A right to have part of a bill paid. `grant_terms` is what a bill needs to know of it; the
-- money itself stands in the books, on one account per funder.
CREATE TABLE service.voucher (
    id          text PRIMARY KEY,
    programme   text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('compute', 'model', 'corpus')),
    application text NOT NULL REFERENCES service.application,
    applicant   text NOT NULL REFERENCES service.party,
    contract    text NOT NULL,
    fiscal_year integer NOT NULL,
    grant_terms jsonb NOT NULL,
    cap         text NOT NULL,
    paid_to     text NOT NULL CHECK (paid_to IN ('provider', 'applicant')),
    assumptions jsonb NOT NULL,
    zone        text NOT NULL,
    valid_from  date NOT NULL,
    valid_until date NOT NULL CHECK (valid_until > valid_from),
    state       text NOT NULL
                CHECK (state IN ('issued', 'part_used', 'used_up', 'expired', 'revoked'))
);
CREATE INDEX voucher_of ON service.voucher (applicant);

-- One thing bought: a job on cards, or an order of another unit. The document is the whole
-- of it, with its terms and its placement; the columns are what is searched for.
CREATE TABLE service.purchase (
    id        text PRIMARY KEY,
    kind      text NOT NULL CHECK (kind IN ('compute', 'model', 'corpus')),
    applicant text NOT NULL REFERENCES service.party,
    contract  text NOT NULL,
    account   uuid NOT NULL,
    offer     text NOT NULL,
    site      text NOT NULL,
    provider  text NOT NULL REFERENCES service.party,
    document  jsonb NOT NULL,
    state     text NOT NULL CHECK (state IN
              ('held', 'running', 'part_delivered', 'settled', 'released', 'failed')),
    placed_at timestamptz NOT NULL
);
CREATE INDEX purchase_of ON service.purchase (applicant);
CREATE INDEX purchase_in ON service.purchase (state, placed_at);

-- Cards spoken for, in the half-open period [starts_at, ends_at).
CREATE TABLE service.reservation (
    purchase  text PRIMARY KEY REFERENCES service.purchase,
    site      text NOT NULL,
    model     text NOT NULL,
    cards     integer NOT NULL CHECK (cards > 0),
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL CHECK (ends_at > starts_at)
);

-- What was measured or delivered and accepted, and what it came to: one row per capture.
-- `account` is the running total it is rounded in: one contract on one set of terms.
CREATE TABLE service.line (
    purchase text NOT NULL REFERENCES service.purchase,
    n        integer NOT NULL,
    account  uuid NOT NULL,
    quantity text NOT NULL,
    bill     jsonb NOT NULL,
    evidence jsonb NOT NULL,
    document text NOT NULL,
    used_at  timestamptz NOT NULL,
    PRIMARY KEY (purchase, n)
);
CREATE INDEX line_in ON service.line (account);
CREATE INDEX line_by ON service.line (document);

-- Money on its way to one payee under one programme and funder.
CREATE TABLE service.payment (
    id           text PRIMARY KEY,
    batch        text NOT NULL,
    programme    text NOT NULL,
    fiscal_year  integer NOT NULL,
    funder       text NOT NULL,
    payee        text NOT NULL REFERENCES service.party,
    amount_fen   bigint NOT NULL CHECK (amount_fen > 0),
    state        text NOT NULL CHECK (state IN ('sent', 'confirmed', 'failed')),
    receipt      text NOT NULL DEFAULT '',
    sent_at      timestamptz NOT NULL,
    confirmed_at timestamptz
);

-- How far the outbox of each programme has been carried into these rows.
CREATE TABLE service.progress (
    programme text PRIMARY KEY,
    seq       bigint NOT NULL DEFAULT 0
);

GRANT USAGE ON SCHEMA service TO tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA service TO tallygrid_auditor;

-- Whoever works here reads everything and adds rows; what was said once is not said otherwise
-- later. Only where a row moves on may it be changed, and only in what moves.
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA service
    TO tallygrid_web, tallygrid_worker, tallygrid_payer;
GRANT UPDATE ON service.setting, service.party, service.programme_version TO tallygrid_web;
GRANT UPDATE (postings, attempt, outcome, settled_at) ON service.intent TO tallygrid_web;
GRANT UPDATE (seq) ON service.progress TO tallygrid_web;
GRANT UPDATE (state) ON service.application, service.voucher, service.purchase TO tallygrid_web;
GRANT UPDATE (state, receipt, confirmed_at) ON service.payment TO tallygrid_web;
GRANT DELETE ON service.reservation TO tallygrid_web;
