-- Who may see the tables: everyone reads, and nobody writes but through the functions.

SET LOCAL ROLE tallygrid_books;

REVOKE ALL ON ALL TABLES IN SCHEMA books FROM PUBLIC;

GRANT USAGE ON SCHEMA books
  TO tallygrid_migrator, tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA books
  TO tallygrid_migrator, tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor;

RESET ROLE;
