"""The rows of a token's bearer, over HTTP: `GET /api/LIST`, the token in `Authorization`.

Every answer is one JSON document; a refusal is a problem document (RFC 9457).
"""

from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psycopg

from tallygrid.cli.common import Desk
from tallygrid.database.error import DatabaseError
from tallygrid.database.pool import BusyError, Pool
from tallygrid.service.seeing import LISTS, NoListError, TokenError, seen_with
from tallygrid.service.token import KINDS, Kind
from tallygrid.text import render

ROOT: Final = "/api"


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its JSON document, and headers of its own."""

    status: HTTPStatus
    document: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Api:
    """Answers requests; the database is asked for with the first."""

    desk: Desk

    def reply(self, target: str, authorization: str | None) -> Reply:
        """Answer a request for a target such as `/api/vouchers?after=V-1`."""
        scheme, _, token = (authorization or "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                return self._unauthorised("reading.missing_token")
            return Reply(HTTPStatus.OK, self._found(target, token.strip()))
        except TokenError:
            return self._unauthorised("reading.no_token")
        except NoListError as error:
            return self._problem(HTTPStatus.NOT_FOUND, error.sentence(self.desk.language))
        except (BusyError, DatabaseError, psycopg.OperationalError):
            said = render("reading.busy", self.desk.language)
            return self._problem(HTTPStatus.SERVICE_UNAVAILABLE, said, {"Retry-After": "5"})

    def _found(self, target: str, token: str) -> dict[str, Any]:
        url = urlsplit(target)
        name = url.path.removeprefix(ROOT).strip("/")
        (after,) = parse_qs(url.query).get("after", [""])[-1:]
        with seen_with(self._pools, token) as sight:
            bearer = sight.bearer
            if not name:
                return {"bearer": vars(bearer), "lists": LISTS[bearer.kind]}
            found = sight.page(name, after=after)
        return {"bearer": vars(bearer), name: found.rows, "next": found.next}

    @cached_property
    def _pools(self) -> dict[Kind, Pool]:
        server = self.desk.server()
        return {kind: Pool(server, kind) for kind in KINDS}

    def _unauthorised(self, code: str) -> Reply:
        said = render(code, self.desk.language)
        return self._problem(HTTPStatus.UNAUTHORIZED, said, {"WWW-Authenticate": "Bearer"})

    def _problem(
        self, status: HTTPStatus, said: str, headers: dict[str, str] | None = None
    ) -> Reply:
        document = {"title": status.phrase, "status": status.value, "detail": said}
        return Reply(status, document, headers or {})
