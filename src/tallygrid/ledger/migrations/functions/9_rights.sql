-- Who may call what. Nobody else calls anything.

SET LOCAL ROLE tallygrid_books;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA books FROM PUBLIC;

GRANT EXECUTE ON FUNCTION books.open_programme(text, text) TO tallygrid_web;
GRANT EXECUTE ON FUNCTION books.post(text, jsonb)
  TO tallygrid_web, tallygrid_worker, tallygrid_payer;
GRANT EXECUTE ON FUNCTION books.expire_holds(text, integer)
  TO tallygrid_web, tallygrid_worker;
GRANT EXECUTE ON FUNCTION books.verify(text), books.verify_transfers(), books.verify_guards()
  TO tallygrid_migrator, tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor;

RESET ROLE;
