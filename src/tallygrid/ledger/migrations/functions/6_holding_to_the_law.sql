-- Holding to the law: what posting refuses is looked for in what stands in the books, lest
-- somebody wrote it past the posting function, or changed the tables it obeys for a while.

SET LOCAL ROLE tallygrid_books;

-- Every problem of a programme of this sort: a reversal that undoes something else than it
-- names, an event that its role may not post, an account that is not what its code says.
CREATE FUNCTION books.verify_law(programme_code text) RETURNS SETOF books.problem
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, books, pg_temp AS $$
DECLARE
  programme_id integer;
  has_reversals boolean := false;
  way record;
BEGIN
  SELECT id INTO STRICT programme_id FROM books.programme WHERE code = programme_code;
  FOR way IN
    SELECT posted.*, event_kind.phase, permission.role IS NOT NULL AS is_permitted
    FROM (
      SELECT kind, posted_by, min(batch) AS batch, min(seq) AS seq
      FROM books.event WHERE programme = programme_id GROUP BY kind, posted_by
    ) AS posted
    LEFT JOIN books.event_kind ON event_kind.code = posted.kind
    LEFT JOIN books.permission
      ON permission.role = posted.posted_by AND permission.event_kind = posted.kind
    ORDER BY posted.seq
  LOOP
    has_reversals := has_reversals OR way.kind LIKE 'reverse\_%';
    IF NOT way.is_permitted
        AND (way.posted_by, way.phase) IS DISTINCT FROM ('books', 'expire') THEN
      RETURN NEXT ('role_unlawful', way.batch, way.seq, way.kind, way.posted_by, NULL)
        ::books.problem;
    END IF;
  END LOOP;
  IF has_reversals THEN
    RETURN QUERY
    SELECT 'reversal_differs', event.batch, event.seq, event.key::text, event.reason, NULL
    FROM books.event
    WHERE event.programme = programme_id AND event.kind LIKE 'reverse\_%'
      AND NOT books.is_mirror(event)
    ORDER BY event.seq;
  END IF;
  RETURN QUERY
  SELECT 'account_misfiled', NULL::bigint, NULL::bigint, account.code,
    concat_ws(' ', account.kind, account.holder, account.funder, account.budget_group,
              account.year, account.is_source),
    NULL
  FROM books.account
  LEFT JOIN books.account_parts(account.code) AS parts ON true
  LEFT JOIN books.account_kind ON account_kind.code = account.kind
  WHERE account.programme = programme_id
    AND (account.kind, account.holder, account.funder, account.budget_group, account.year,
         account.is_source)
      IS DISTINCT FROM (parts.kind, parts.holder, parts.funder, parts.budget_group, parts.year,
                        account_kind.is_source)
  ORDER BY account.code;
END
$$;

REVOKE ALL ON FUNCTION books.verify_law(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION books.verify_law(text)
  TO tallygrid_migrator, tallygrid_web, tallygrid_worker, tallygrid_payer, tallygrid_auditor;

RESET ROLE;
