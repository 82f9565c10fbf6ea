-- Readers from outside: the books open to them row by row, and at first to none of their rows.
--
-- There is a login role for each kind of reader. A table that it may read shows it the rows that
-- a policy gives it and no other. Which rows belong to whom the books do not know: the service
-- does, and its policies come with its own tables (docs/howto/who-sees-what.md). What is not
-- granted here stays closed.
--
-- The owner of the books passes by every policy, so that posting neither asks nor waits for
-- one. Nobody can log in as the owner.

DO $$  -- a database that is older than these roles
BEGIN
  EXECUTE format(
    'GRANT CONNECT ON DATABASE %I TO tallygrid_authority, tallygrid_provider, tallygrid_applicant',
    current_database());
END
$$;

SET LOCAL ROLE tallygrid_books;

ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;  -- the functions to come

GRANT USAGE ON SCHEMA books TO tallygrid_authority, tallygrid_provider, tallygrid_applicant;
GRANT SELECT ON books.programme, books.account
  TO tallygrid_authority, tallygrid_provider, tallygrid_applicant;
GRANT SELECT ON books.event, books.leg, books.hold, books.hold_leg, books.batch, books.refusal
  TO tallygrid_authority;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'programme', 'account', 'event', 'leg', 'hold', 'hold_leg', 'batch', 'refusal'
  ] LOOP
    EXECUTE format('ALTER TABLE books.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY all_for_the_house ON books.%I FOR SELECT
         TO tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor USING (true)',
      name);
  END LOOP;
END
$$;

RESET ROLE;
