"""Applying over HTTP: one id is one application; too much at once is told when to come back."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, NoReturn
from urllib.error import HTTPError
from urllib.request import Request as Asked
from urllib.request import urlopen

import psycopg
import pytest
from desk import ASSUMPTIONS, AT, CITY, FACTS, FIRM, OTHER_FIRM, PROGRAMMES, Desk, wanted
from patience import PATIENCE_S

from tallygrid.cli.api import Api
from tallygrid.cli.applications import WAITING_MAX, Applications, taken_on
from tallygrid.cli.common import Desk as CommandDesk
from tallygrid.cli.serve import Handler, Server
from tallygrid.core.books import Event, Outcome
from tallygrid.core.programme import Programme
from tallygrid.ledger.queue import OverloadError
from tallygrid.service import publishing, token
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.publishing import Scheme
from tallygrid.service.token import Bearer, Kind
from tallygrid.settings import Settings

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class BusyOffice(Office):
    """An office whose queue is full."""

    def post(self, role: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:  # noqa: ARG002  # Office's signature
        """Say when to come again."""
        raise OverloadError(programme, waiting=len(events), retry_after_s=3)


@dataclass(frozen=True)
class AwayOffice(Office):
    """An office whose database is away."""

    def transact(self, role: str, work: object) -> NoReturn:  # noqa: ARG002  # Office's signature
        """Reach nobody."""
        raise psycopg.OperationalError("away")


def _body(**changed: object) -> bytes:
    facts = {**dump(dict(FACTS)), "contract_fen": 7_500_000, "contract_tax_fen": 424_528}
    asked = {"id": "a-1", "programme": CITY, "contract": "C-1", "facts": facts}
    return json.dumps({**asked, **changed}).encode()


@contextmanager
def _served(
    desk: Desk, *, office: Office | None = None, applications: bool = True, most: int = 128
) -> Iterator[str]:
    """Serve a desk's database over HTTP."""

    class Counter(CommandDesk):
        def server(self) -> Any:  # noqa: ANN401  # the test's own
            return desk.server

    counter = Counter(Settings(home=desk.directory, language="en"))
    with taken_on(office or desk.office, "en", lambda: AT) as taken:
        api = Api(counter, taken if applications else None)
        handler = partial(
            Handler, "report.en.html", desk.directory, api, directory=str(desk.directory)
        )
        with Server(("127.0.0.1", 0), handler, most=most) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()
        api.close()


def _post(address: str, body: bytes, shown: str) -> tuple[int, dict[str, Any], Any]:
    """Return the status, the document and the headers of an answer."""
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    asked = Asked(f"{address}/api/applications", data=body, headers=headers, method="POST")  # noqa: S310  # our own server
    try:
        with urlopen(asked) as answer:  # noqa: S310  # our own server
            return answer.status, json.loads(answer.read()), answer.headers
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers


def _token(desk: Desk, kind: Kind = "applicant", name: str = FIRM) -> str:
    return desk.office.transact("web", lambda it: token.issue(it, Bearer(kind, name), HOUR))


def test_the_same_id_is_the_same_application_and_another_body_a_conflict(funded: Desk) -> None:
    mine = _token(funded)
    with _served(funded) as address:
        first = _post(address, _body(), mine)
        again = _post(address, _body(), mine)
        other = _post(address, _body(contract="C-2"), mine)

        assert (first[0], first[1]["state"], first[1]["application"]) == (
            *(200, "awarded"),
            f"H-{FIRM}-a-1",
        )
        assert again[:2] == first[:2]
        assert (other[0], other[1]["status"], other[1]["title"]) == (409, 409, "Conflict")
        assert other[2]["Content-Type"] == "application/problem+json"
    assert funded.rows("SELECT id, applicant FROM service.voucher") == [(f"V-H-{FIRM}-a-1", FIRM)]
    assert funded.problems() == ()


def test_what_was_answered_stands_when_another_version_is_in_force(funded: Desk) -> None:
    with taken_on(funded.office, "en", lambda: AT) as taken:
        mine = Bearer("applicant", FIRM)
        first = taken.reply(mine, _body())
        amended = PROGRAMMES[CITY].model_dump(mode="json", exclude_defaults=True)
        amended["name"]["en"] += " (amended)"
        again = Scheme(Programme.model_validate_json(json.dumps(amended)), ASSUMPTIONS)
        publishing.publish(funded.office, again, at=AT + HOUR)

        assert first.status == 200
        assert taken.reply(mine, _body()) == first
        assert taken.reply(mine, _body(contract="C-2")).status == 409
    assert funded.rows("SELECT count(*) FROM service.voucher") == [(1,)]


def test_a_full_queue_is_told_when_to_come_back_and_nothing_is_done(funded: Desk) -> None:
    mine = _token(funded)
    office = funded.office
    busy = BusyOffice(office.sessions, office.catalogue, office.site)
    with _served(funded, office=busy) as address:
        status, document, headers = _post(address, _body(), mine)

        assert (status, headers["Retry-After"]) == (429, "3")
        assert "3 s" in document["detail"]
    assert funded.rows("SELECT id FROM service.voucher") == []
    with _served(funded) as address:
        assert _post(address, _body(), mine)[1]["state"] == "awarded"


def test_while_the_database_is_away_it_is_told_when_to_come_back(funded: Desk) -> None:
    office = funded.office
    away = AwayOffice(office.sessions, office.catalogue, office.site)
    with _served(funded, office=away) as address:
        status, document, headers = _post(address, _body(), _token(funded))

    assert (status, headers["Retry-After"]) == (503, "5")
    assert "cannot be reached" in document["detail"]


def test_a_body_is_waited_for_only_once_a_token_was_seen(funded: Desk) -> None:
    with _served(funded) as address, _silent(address, "Bearer none") as caller:
        assert caller.recv(100).startswith(b"HTTP/1.0 401")


def test_who_falls_silent_is_let_go(funded: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "timeout", 0.2)
    mine = _token(funded)
    with _served(funded) as address, _silent(address, f"Bearer {mine}") as caller:
        assert _is_let_go(caller)


def _is_let_go(caller: socket.socket) -> bool:
    """Wait for the end of a connection; whoever was slow to speak has one that is reset."""
    try:
        return caller.recv(100) == b""
    except ConnectionResetError:
        return True


def test_no_more_are_answered_at_a_time_than_there_is_room_for(
    funded: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "timeout", PATIENCE_S)
    mine = _token(funded)
    with _served(funded, most=1) as address:
        with _silent(address, f"Bearer {mine}"):
            assert _status(address) == 503
        while (status := _status(address)) == 503:
            time.sleep(0.01)

    assert status == 404


def _status(address: str) -> int:
    """Return the status of a request for something that is not there."""
    with pytest.raises(HTTPError) as told:
        urlopen(f"{address}/nothing")  # noqa: S310  # our own server
    with told.value:
        return told.value.code


@contextmanager
def _silent(address: str, authorization: str) -> Iterator[socket.socket]:
    """Announce an application, and send nothing of it."""
    _, _, port = address.rpartition(":")
    head = f"POST /api/applications HTTP/1.0\r\nAuthorization: {authorization}\r\n"
    with socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE_S) as caller:
        caller.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode())
        yield caller


def test_no_more_are_taken_on_than_there_is_room_for(funded: Desk) -> None:
    applications = Applications(funded.office, "zh", lambda: AT)
    for _ in range(WAITING_MAX):
        assert applications.room.acquire(blocking=False)

    reply = applications.reply(Bearer("applicant", FIRM), _body())

    assert (reply.status, reply.headers) == (429, {"Retry-After": "1"})
    assert "重发" in reply.document["detail"]
    applications.room.release()
    assert applications.reply(Bearer("applicant", FIRM), _body()).status == 200
    applications.workers.shutdown()


def test_sent_by_many_at_once_it_is_done_once(funded: Desk) -> None:
    mine = _token(funded)
    with _served(funded) as address, ThreadPoolExecutor(6) as callers:
        found = list(callers.map(lambda _: _post(address, _body(), mine)[:2], range(12)))

    assert {(status, document["state"]) for status, document in found} == {(200, "awarded")}
    assert funded.rows("SELECT count(*) FROM service.voucher") == [(1,)]


def test_who_may_not_apply_is_told(funded: Desk) -> None:
    seller = _provider(funded)
    with _served(funded) as address:
        assert _post(address, _body(), "")[0] == 401
        assert _post(address, _body(), _token(funded)[:-1] + "x")[0] == 401
        assert _post(address, _body(), seller)[0] == 403
        other = _post(address, _body(), _token(funded, name=OTHER_FIRM))
        assert other[1]["application"] == f"H-{OTHER_FIRM}-a-1", "a name of its own"
    with _served(funded, applications=False) as address:
        status, _, headers = _post(address, _body(), _token(funded))
        assert (status, headers["Allow"]) == (405, "GET")
    assert len(funded.rows("SELECT id FROM service.application")) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is empty"),
        (b"\xff\x00", "application"),
        (b"[1]", "no application"),
        (_body(id="a b"), "`id` is 'a b'"),
        (_body(contract=7), "`contract` is 7"),
        (_body(programme="nowhere"), "not published here"),
        (_body(facts=[]), "`facts` is no object"),
        (_body(facts={"sector": "x", "agee": 1}), "There is no fact `agee`"),
        (_body(facts={"credit_code": OTHER_FIRM}), "`credit_code` is"),
        (_body(more=1), "no more"),
    ],
)
def test_what_is_wrong_with_an_application_is_told(funded: Desk, body: bytes, said: str) -> None:
    applications = Applications(funded.office, "en", lambda: AT)

    reply = applications.reply(Bearer("applicant", FIRM), body)

    assert (reply.status, said in reply.document["detail"]) == (422, True), reply.document
    applications.workers.shutdown()


def test_what_is_wrong_is_told_in_chinese_too(funded: Desk) -> None:
    applications = Applications(funded.office, "zh", lambda: AT)
    firm = Bearer("applicant", FIRM)
    assert applications.reply(firm, _body()).status == 200

    told = {
        "这不是一份申请": b"[1]",
        "`id` 为 'a b'": _body(id="a b"),
        "未在此发布": _body(programme="nowhere"),
        "`facts` 不是对象": _body(facts=[]),
        "与令牌不符": _body(facts={"credit_code": f"{OTHER_FIRM[:-1]}9"}),
        "同一编号即同一申请": _body(contract="C-2"),
    }
    for said, body in told.items():
        assert said in applications.reply(firm, body).document["detail"]
    applications.workers.shutdown()


def _provider(desk: Desk) -> str:
    """Return the token of a provider."""
    offer = desk.office.catalogue.offers[wanted("x").offer]
    provider = desk.office.catalogue.providers[offer.provider]
    return _token(desk, "provider", provider.credit_code)
