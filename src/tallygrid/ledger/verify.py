"""Verifying the books: the database computes everything again, and saved heads are compared."""

from collections.abc import Iterable, Iterator
from typing import Any

from psycopg import Connection

from tallygrid.core.books import Head, Problem


def verify(
    connection: Connection[Any], programme: str | None = None, heads: Iterable[Head] | None = None
) -> tuple[Problem, ...]:
    """Return what is wrong in a programme's books, or in all; nothing, if they are sound.

    The first problem of a programme names the first broken batch and event. With heads that
    were saved outside the database, a rewritten end of the books shows too. What guards the
    tables against editing guards all programmes, and is looked at last.
    """
    wanted = _programmes(connection) if programme is None else (programme,)
    problems = [problem for code in wanted for problem in _inside(connection, code)]
    if programme is None:
        problems += _of_all(connection, "transfers")
    problems += _of_all(connection, "guards")
    for head in sorted(heads or ()):
        if programme in (None, head.programme):
            problems += against(connection, head)
    return tuple(problems)


def _programmes(connection: Connection[Any]) -> tuple[str, ...]:
    found = connection.execute("SELECT code FROM books.programme ORDER BY code")
    return tuple(code for (code,) in found)


def _inside(connection: Connection[Any], programme: str) -> Iterator[Problem]:
    columns = "code, batch, seq, what, found, expected"
    for function in ("verify", "verify_law"):
        query = f"SELECT {columns} FROM books.{function}(%s)"  # noqa: S608  # constants
        for row in connection.execute(query.encode(), [programme]):
            yield _problem(programme, *row)


def _of_all(connection: Connection[Any], what: str) -> Iterator[Problem]:
    columns = "code, batch, seq, what, found, expected"
    query = f"SELECT {columns} FROM books.verify_{what}()"  # noqa: S608  # constants
    for row in connection.execute(query.encode()):
        yield _problem("", *row)


def against(connection: Connection[Any], head: Head) -> Iterator[Problem]:
    """Compare one saved head with the batch it names; a signature is not looked at here."""
    found = connection.execute(
        """
        SELECT batch.last_seq, encode(batch.hash, 'hex'), batch.algorithm
        FROM books.batch JOIN books.programme ON programme.id = batch.programme
        WHERE programme.code = %s AND batch.no = %s
        """,
        [head.programme, head.batch],
    ).fetchone()
    if found is None:
        yield _problem(head.programme, "head_missing", head.batch, head.seq, "", "", head.hash)
        return
    seq, hash_, algorithm = found
    if hash_ != head.hash:
        yield _problem(head.programme, "head_rewritten", head.batch, head.seq, "", hash_, head.hash)
    for ours, saved in ((seq, head.seq), (algorithm, head.algorithm)):
        if ours != saved and hash_ == head.hash:
            yield _problem(
                head.programme, "head_misstated", head.batch, head.seq, "", str(ours), str(saved)
            )


def _problem(programme: str, code: str, *values: object) -> Problem:
    names = ("batch", "seq", "what", "found", "expected")
    return Problem(
        f"ledger.problem.{code}",
        {"programme": programme, **dict(zip(names, values, strict=True))},
    )
