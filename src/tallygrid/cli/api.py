"""The rows of a token's bearer, over HTTP: `GET /api/LIST`, the token in `Authorization`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psycopg

from tallygrid.cli.applications import BYTES_MAX, Applications
from tallygrid.cli.common import Desk
from tallygrid.cli.reply import Reply, problem
from tallygrid.database.error import DatabaseError
from tallygrid.database.pool import BusyError, Pool
from tallygrid.service.seeing import LISTS, NoListError, TokenError, seen_with
from tallygrid.service.token import KINDS, Kind
from tallygrid.text import render

ROOT: Final = "/api"


@dataclass(frozen=True)
class Api:
    """Answers requests; the database is asked for with the first."""

    desk: Desk
    applications: Applications | None = None
    """Who takes applications on; nobody, where the operator does not let it."""

    def post(self, target: str, authorization: str | None, read: Callable[[], bytes]) -> Reply:
        """Answer what is sent: `/api/applications` takes applications on.

        Args:
            target: Where it is sent to.
            authorization: The header with the token.
            read: Reads the body; is called only for whoever has shown a token.
        """
        taken_on = self.applications
        if taken_on is None or urlsplit(target).path != f"{ROOT}/applications":
            said = render("asking.nothing", self.desk.language)
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, said, {"Allow": "GET"})

        def applied(token: str) -> Reply:
            with seen_with(self._pools, token) as sight:
                bearer = sight.bearer
            return taken_on.reply(bearer, read())

        return self._told(authorization, applied)

    def too_long(self) -> Reply:
        """Refuse a body that no application is as long as, or that does not say how long it is."""
        said = render("asking.too_long", self.desk.language, bytes=BYTES_MAX)
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)

    def reply(self, target: str, authorization: str | None) -> Reply:
        """Answer a request for a target such as `/api/vouchers?after=V-1`."""
        return self._told(
            authorization, lambda token: Reply(HTTPStatus.OK, self._found(target, token))
        )

    def _told(self, authorization: str | None, answer: Callable[[str], Reply]) -> Reply:
        """Answer whoever shows a token; what hinders that is a refusal."""
        scheme, _, token = (authorization or "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                return self._unauthorised("reading.missing_token")
            return answer(token.strip())
        except TokenError:
            return self._unauthorised("reading.no_token")
        except NoListError as error:
            return problem(HTTPStatus.NOT_FOUND, error.sentence(self.desk.language))
        except (BusyError, DatabaseError, psycopg.OperationalError, psycopg.InterfaceError):
            said = render("reading.busy", self.desk.language)
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, said, {"Retry-After": "5"})

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

    def close(self) -> None:
        """Close every connection."""
        for pool in self.__dict__.get("_pools", {}).values():
            pool.close()

    @cached_property
    def _pools(self) -> dict[Kind, Pool]:
        server = self.desk.server()
        return {kind: Pool(server, kind) for kind in KINDS}

    def _unauthorised(self, code: str) -> Reply:
        said = render(code, self.desk.language)
        return problem(HTTPStatus.UNAUTHORIZED, said, {"WWW-Authenticate": "Bearer"})
