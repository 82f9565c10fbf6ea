"""An operator gives out tokens; whoever has one reads its own rows over HTTP, and nothing else."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import desk as desks
import pytest
import town
from desk import CITY, FIRM, OTHER_FIRM
from patience import PATIENCE_S
from terminal import Terminal
from town import BOTH, SELLER

from tallygrid.database import Server, resolve
from tallygrid.service.seeing import LISTS, ROWS_MAX
from tallygrid.service.token import Kind
from tallygrid.settings import Settings

OWN: Final[dict[tuple[Kind, str], set[str]]] = {
    ("applicant", FIRM): {"A-1", "A-2", "A-3"},
    ("applicant", OTHER_FIRM): {"B-1"},
    ("authority", "410100"): {"A-2", "A-3"},
}
"""The applications on which a bearer sees vouchers."""
SOLD: Final[dict[tuple[Kind, str], set[str]]] = {
    ("applicant", FIRM): {"S-1", "S-2"},
    ("provider", SELLER): {"S-1", "T-2"},
    ("provider", BOTH): {"S-2", "T-1", "T-3"},
    ("authority", "410000"): {"S-1", "T-2"},
}


@dataclass(frozen=True)
class Site:
    """A terminal, and `tallygrid serve` at work on the same home."""

    terminal: Terminal
    server: Server
    address: str

    def token(self, kind: str, code: str, *more: str) -> str:
        """Have a token issued."""
        return self.terminal.does("token", "issue", kind, code, *more).strip()

    def reads(self, target: str, token: str) -> Any:  # noqa: ANN401  # JSON
        """Return what is answered to a token."""
        status, document, _ = self.asks(target, f"Bearer {token}")
        assert status == 200, document
        return document

    def asks(self, target: str, authorization: str = "") -> tuple[int, Any, dict[str, str]]:
        """Ask, and return status, document and headers."""
        headers = {"Authorization": authorization} if authorization else {}
        request = Request(self.address + target, headers=headers)  # noqa: S310  # our own address
        try:
            with urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310  # our own address
                return answer.status, json.load(answer), dict(answer.headers)
        except HTTPError as error:
            with error:
                return error.code, json.load(error), dict(error.headers)


@pytest.fixture(scope="module")
def site(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    server = resolve(Settings(home=own_home), print)
    desks.furnish(server)
    with desks.opened(server) as opened:
        town.settle(opened)
    shown = tmp_path_factory.mktemp("shown")
    (shown / "report.en.html").write_text("the report", encoding="utf-8")
    environment = {**os.environ, "TALLYGRID_HOME": str(own_home), "TALLYGRID_LANGUAGE": "en"}
    environment.pop("TALLYGRID_DATABASE_URL", None)
    command = "from tallygrid.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", command, "serve", "--port", "0", "--directory", str(shown)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+?(?=/)", process.stderr.readline())
        assert found is not None
        yield Site(Terminal(own_home), server, found[0])
        process.kill()


@pytest.mark.parametrize(("kind", "code"), OWN)
def test_a_bearer_reads_its_own_vouchers(site: Site, kind: Kind, code: str) -> None:
    answer = site.reads("/api/vouchers", site.token(kind, code))

    assert answer["bearer"] == {"kind": kind, "id": code}
    assert {row["application"] for row in answer["vouchers"]} == OWN[kind, code]
    assert answer["next"] is None


@pytest.mark.parametrize(("kind", "code"), SOLD)
def test_a_bearer_reads_its_own_purchases_with_their_lines(
    site: Site, kind: Kind, code: str
) -> None:
    rows = site.reads("/api/purchases", site.token(kind, code))["purchases"]

    assert {row["id"] for row in rows} == SOLD[kind, code]
    delivered = [line for row in rows for line in row["lines"]]
    assert {line["purchase"] for line in delivered} == SOLD[kind, code] & {"S-1", "T-1"}


def test_every_list_is_answered_and_the_root_names_them(site: Site) -> None:
    """All hold something, but not everybody was paid yet."""
    for kind, code in SOLD:
        token = site.token(kind, code)
        lists = site.reads("/api", token)["lists"]
        assert lists == list(LISTS[kind])
        for name in lists:
            found = site.reads(f"/api/{name}", token)[name]
            assert found or name == "payments", (kind, code, name)


def test_a_provider_reads_what_it_is_owed_to_the_fen(site: Site) -> None:
    """The city's part of a server-month: 15,000.00 yuan, paid, of which a fen is asked back."""
    accounts = site.reads("/api/accounts", site.token("provider", SELLER))["accounts"]

    paid = [row for row in accounts if row["account"].startswith(f"paid:{SELLER}")]
    (of_city,) = (row for row in paid if row["programme"] == CITY)
    assert (of_city["in_fen"], of_city["free_fen"]) == (1_500_000, 1_499_999)
    payments = site.reads("/api/payments", site.token("provider", SELLER))["payments"]
    assert {row["payee"] for row in payments} == {SELLER}
    assert sum(row["amount_fen"] for row in payments) == sum(row["in_fen"] for row in paid)


def test_without_a_token_that_counts_one_is_told_to_bring_one(site: Site) -> None:
    token = site.token("applicant", FIRM)
    stranger = token.replace(FIRM, OTHER_FIRM)

    for shown in ("", "Basic x", "Bearer", "Bearer x", f"Bearer {stranger}", "Bearer " + "é" * 99):
        status, problem, headers = site.asks("/api/vouchers", shown)
        assert (status, problem["status"]) == (401, 401), shown
        assert headers["WWW-Authenticate"] == "Bearer"
        assert headers["Content-Type"] == "application/problem+json"
        assert "token" in problem["detail"]
    assert site.reads("/api/vouchers", token)["vouchers"]


@pytest.mark.parametrize(
    "target", ["/api/intents", "/api/vouchers/x", "/api/accounts?after=x", "/api/parties?after=%00"]
)
def test_a_list_that_is_not_there_is_told_with_those_that_are(site: Site, target: str) -> None:
    status, problem, _ = site.asks(target, f"Bearer {site.token('applicant', FIRM)}")

    assert status == 404
    assert "vouchers" in problem["detail"]


def test_a_provider_is_not_told_of_lists_that_it_has_not(site: Site) -> None:
    shown = f"Bearer {site.token('provider', SELLER)}"
    status, problem, _ = site.asks("/api/vouchers", shown)

    assert status == 404
    assert "There is no list vouchers here. There are: programmes, parties, purchases" in str(
        problem
    )


def test_a_long_list_is_read_page_by_page(site: Site) -> None:
    with site.server.administer(site.server.database) as administrator:
        administrator.execute(
            """
            INSERT INTO service.application
            SELECT 'Z-' || lpad(n::text, 4, '0'), programme, hash, applicant, contract, facts,
                decision, barred, state, submitted_at, decided_at
            FROM service.application, generate_series(1, %s) AS n WHERE id = 'B-1'
            """,
            [2 * ROWS_MAX],
        )
    token, after, found = site.token("applicant", OTHER_FIRM), "", list[str]()
    while after is not None:
        page = site.reads(f"/api/applications?after={after}", token)
        found += [row["id"] for row in page["applications"]]
        after = page["next"]

    assert found == ["B-1", *(f"Z-{n:04d}" for n in range(1, 2 * ROWS_MAX + 1))]


def test_the_report_is_served_beside(site: Site) -> None:
    with urlopen(site.address + "/", timeout=PATIENCE_S) as answer:  # noqa: S310  # our own address
        assert answer.read() == b"the report"


def test_a_new_key_ends_the_tokens_before_if_asked(site: Site) -> None:
    first = site.token("applicant", FIRM, "--hours", "1")
    assert "count until they end" in site.terminal.does("token", "renew")
    second = site.token("applicant", FIRM)
    assert site.reads("/api", first)["bearer"]["id"] == FIRM

    assert "no longer count" in site.terminal.does("token", "renew", "--at-once")

    for one in (first, second):
        assert site.asks("/api", f"Bearer {one}")[0] == 401
    assert site.reads("/api", site.token("applicant", FIRM))["bearer"]["id"] == FIRM


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("applicant", "X"), "No organisation X is entered here"),
        (("authority", "990000"), "No programme of the place 990000"),
        (("auditor", FIRM), "'auditor' is not one of"),
        (("applicant", FIRM, "--hours", "0"), "0 is not in the range"),
        (("applicant", FIRM, "--hours", "745"), "745 is not in the range"),
    ],
)
def test_no_token_is_given_to_strangers_or_for_ever(
    site: Site, words: tuple[str, ...], said: str
) -> None:
    assert said in site.terminal.errs("token", "issue", *words)
