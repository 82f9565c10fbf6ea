"""Applying over HTTP: `POST /api/applications`, the applicant's token in `Authorization`.

The id that an applicant gives is the key: the same id with the same body gets the same
answer, with another body it is a conflict (409). What cannot be taken on now is refused at
once (429) with the seconds after which to come back.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Final

from tallygrid import clock
from tallygrid.cli.common import ZONE
from tallygrid.cli.reply import Reply, problem
from tallygrid.cli.showing import applied_json
from tallygrid.files.document import Document, FileError, Mistake, Where, parse
from tallygrid.files.facts import checked_facts
from tallygrid.files.mistake import shown
from tallygrid.files.programme import known_facts
from tallygrid.ledger.queue import OverloadError
from tallygrid.service import applying, publishing
from tallygrid.service.applying import Applied
from tallygrid.service.intent import PATIENCE_S, ConflictError, HungError
from tallygrid.service.issuing import Request
from tallygrid.service.office import Office
from tallygrid.service.publishing import Scheme
from tallygrid.service.token import Bearer
from tallygrid.settings import Language
from tallygrid.text import render

BYTES_MAX: Final = 1_000_000
"""No application is longer."""
AT_ONCE: Final = 8
"""So many are worked on side by side, each with connections of its own."""
WAITING_MAX: Final = 64
"""So many are taken on in all; whoever comes then is told when to come back."""
_PARTS: Final = frozenset({"id", "programme", "contract", "facts"})
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Applications:
    """Takes applications on, so many at a time."""

    office: Office
    language: Language
    now: Callable[[], datetime] = clock.now
    room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(WAITING_MAX))
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE))

    def reply(self, bearer: Bearer, body: bytes) -> Reply:
        """Answer an application of somebody who has shown a token."""
        if bearer.kind != "applicant":
            return problem(HTTPStatus.FORBIDDEN, render("asking.applicants", self.language))
        if not self.room.acquire(blocking=False):
            return self._later(1)
        try:
            return self.workers.submit(self._answered, bearer.id, body).result()
        finally:
            self.room.release()

    def _answered(self, applicant: str, body: bytes) -> Reply:
        try:
            scheme, request = self._read(applicant, body)
            applied = self._applied(scheme, request)
        except FileError as error:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except ConflictError:
            return problem(HTTPStatus.CONFLICT, render("asking.conflict", self.language))
        except HungError:
            return self._later(PATIENCE_S)
        except OverloadError as error:  # begun: whoever asks again finds it carried to its end
            return self._later(error.retry_after_s)
        if applied.refused is not None and applied.refused.code == "overload":
            return self._later(applied.refused.detail["retry_after_s"])
        return Reply(HTTPStatus.OK, applied_json(applied))

    def _read(self, applicant: str, body: bytes) -> tuple[Scheme, Request]:
        """Return what is asked of which programme.

        Raises:
            FileError: With every mistake in the body.
        """
        document = parse(_text(body), file="application")
        given = document.data
        if not isinstance(given, dict) or set(given) != _PARTS:
            raise FileError([self._mistake(document, (), "form")])
        schemes = publishing.published(self.office)
        mistakes = [
            self._mistake(document, (part,), "name", part=part, given=shown(given[part]))
            for part in ("id", "contract")
            if not (isinstance(given[part], str) and _NAME.fullmatch(given[part]))
        ]
        if given["programme"] not in schemes:
            named = shown(given["programme"])
            raise FileError(
                [*mistakes, self._mistake(document, ("programme",), "programme", given=named)]
            )
        scheme = schemes[given["programme"]]
        if not isinstance(given["facts"], dict):
            raise FileError([*mistakes, self._mistake(document, ("facts",), "facts")])
        facts, wrong = checked_facts(
            document, ("facts",), given["facts"], known_facts([scheme.programme])
        )
        if (code := facts.get("credit_code", applicant)) != applicant:
            where = ("facts", "credit_code")
            wrong.append(self._mistake(document, where, "credit_code", given=shown(code)))
        if mistakes := [*mistakes, *wrong]:
            raise FileError(mistakes)
        name = f"H-{applicant}-{given['id']}"
        return scheme, Request(
            name, applicant, given["contract"], {**facts, "credit_code": applicant}
        )

    def _mistake(self, document: Document, where: Where, code: str, **values: object) -> Mistake:
        """Return what is wrong at a place, and what would be right."""
        said, remedy = (
            render(f"asking.{part}.{code}", self.language, **values)
            for part in ("mistake", "remedy")
        )
        return document.mistake(where, said, remedy)

    def _applied(self, scheme: Scheme, request: Request) -> Applied:
        since = self._since(request)
        try:
            return applying.apply(self.office, scheme, request, at=since)
        except ConflictError:
            if (first := self._since(request)) == since:
                raise
        return applying.apply(self.office, scheme, request, at=first)  # it came twice at once

    def _since(self, request: Request) -> datetime:
        """Return when an application came first, which is now if it never came."""
        return (applying.asked_at(self.office, request.id) or self.now()).astimezone(ZONE)

    def _later(self, seconds: int) -> Reply:
        said = render("asking.later", self.language, seconds=seconds)
        return problem(HTTPStatus.TOO_MANY_REQUESTS, said, {"Retry-After": str(seconds)})


@contextmanager
def taken_on(
    office: Office, language: Language, now: Callable[[], datetime] = clock.now
) -> Iterator[Applications]:
    """Take applications on while this lasts; what was begun is finished at its end."""
    found = Applications(office, language, now)
    try:
        yield found
    finally:
        found.workers.shutdown()


def _text(body: bytes) -> str:
    """Return the body as text; what is none becomes something that is no application."""
    return body.decode("utf-8", errors="replace")
