-- A message may be of something whose name is as long as it likes: the index holds its hash.

SET LOCAL ROLE tallygrid_books;

DROP INDEX books.outbox_told_of;
CREATE INDEX outbox_told_of ON books.outbox USING hash (books.told_of(payload))
  WHERE books.told_of(payload) IS NOT NULL;

RESET ROLE;
