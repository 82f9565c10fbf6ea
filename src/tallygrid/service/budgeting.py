"""Budgets: an appropriation in tranches, taken back in part, or moved between programmes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from tallygrid.core.books import Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.core.money import split
from tallygrid.service.intent import in_turn
from tallygrid.service.office import Office
from tallygrid.service.publishing import Scheme
from tallygrid.service.told import ToldError
from tallygrid.service.wish import Answer, Posting, Wish
from tallygrid.service.year import require_open


class FunderError(ToldError):
    """A programme has no funder of this name."""


@dataclass(frozen=True)
class Tranche:
    """A sum of one fiscal year, under the number of the treasury's document."""

    year: int
    document: str
    """The number of the document: the same number is the same money."""
    parts_fen: Mapping[str, int]
    """What each funder gives, or takes back."""
    group: str = ""
    """The class of applicants that alone may have it (a group of the budget); empty for all."""

    @property
    def total_fen(self) -> int:
        """The whole sum."""
        return sum(self.parts_fen.values())


def divided(scheme: Scheme, amount_fen: int) -> Mapping[str, int]:
    """Return a sum divided among a programme's funders by their weights."""
    names, weights = zip(*scheme.programme.funders, strict=True)
    return {name: fen for name, fen in zip(names, split(amount_fen, weights), strict=True) if fen}


def appropriate(office: Office, scheme: Scheme, tranche: Tranche, *, at: datetime) -> Answer:
    """Book one tranche of an appropriation (预算指标).

    Raises:
        ConflictError: The document's number stands for another sum.
        FunderError: A part is not one of the programme's funders'.
        ToldError: The programme has no such group.
        YearError: The year is closed.
    """
    return _move(office, scheme, tranche, "appropriate", at=at)


def reduce(office: Office, scheme: Scheme, tranche: Tranche, *, at: datetime) -> Answer:
    """Take back a part of an appropriation (调减); refused beyond what is promised to nobody.

    Raises:
        ConflictError: The document's number stands for another sum.
        FunderError: A part is not one of the programme's funders'.
    """
    return _move(office, scheme, tranche, "reduce", at=at)


def transfer(
    office: Office, giving: Scheme, taking: Scheme, tranche: Tranche, *, at: datetime
) -> Answer:
    """Move a sum that is free from one programme to another (调剂), all of it or nothing.

    It leaves by the parts given and arrives divided among the other's funders. Each programme
    is posted to by itself, so two moves in opposite directions cannot wait for each other;
    what has left arrives however often the process is killed in between.

    Raises:
        ConflictError: The document's number stands for another sum.
        FunderError: A part is not one of the giving programme's funders'.
        ToldError: It is the same programme.
        YearError: The year of the taking programme is closed.
    """
    if giving.id == taking.id:
        raise ToldError("same_programme", programme=giving.id)
    _require_funders(giving, tranche)
    wish = Wish(
        key=key_of("transfer", giving.id, tranche.year, tranche.document),
        kind="transfer",
        body={
            "programme": giving.id,
            "to": taking.id,
            "year": tranche.year,
            "parts_fen": dict(tranche.parts_fen),
            "document": tranche.document,
        },
    )
    arriving = divided(taking, tranche.total_fen)
    out = _legs("available", "transferred_out", tranche.year, tranche.parts_fen)
    into = _legs("transferred_in", "available", tranche.year, arriving)
    postings = (
        Posting(giving.id, "web", (_event("transfer_out", wish, out, at, f"to {taking.id}"),)),
        Posting(taking.id, "web", (_event("transfer_in", wish, into, at, f"from {giving.id}"),)),
    )

    def compose(connection: Connection) -> tuple[Posting, ...]:
        require_open(connection, taking.id, tranche.year)
        return postings

    return in_turn(office, wish, compose, "close", anew=True, programme=taking.id)


def _move(office: Office, scheme: Scheme, tranche: Tranche, kind: str, *, at: datetime) -> Answer:
    _require_funders(scheme, tranche)
    _require_group(scheme, tranche)
    by_weight = dict(tranche.parts_fen) == dict(divided(scheme, tranche.total_fen))
    body = {
        "programme": scheme.id,
        "year": tranche.year,
        "amount_fen": tranche.total_fen,
        "name": tranche.document,
    }
    wish = Wish(
        key=key_of(kind, scheme.id, tranche.year, tranche.document),
        kind=kind,
        body={
            **body,
            **({} if by_weight else {"parts_fen": dict(tranche.parts_fen)}),
            **({"group": tranche.group} if tranche.group else {}),
        },
    )
    ways = {"appropriate": ("appropriation", "available"), "reduce": ("available", "appropriation")}
    legs = _legs(*ways[kind], tranche.year, tranche.parts_fen, tranche.group)
    event = Event(wish.key, kind, legs, at, reason=tranche.document)

    def compose(connection: Connection) -> tuple[Posting, ...]:
        if kind == "appropriate":
            require_open(connection, scheme.id, tranche.year)
        return (Posting(scheme.id, "web", (event,)),)

    return in_turn(office, wish, compose, "close", anew=True, programme=scheme.id)


def _event(kind: str, wish: Wish, legs: tuple[Leg, ...], at: datetime, whither: str) -> Event:
    reason = f"{wish.body['document']}, {whither}"
    return Event(key_of(kind, wish.key), kind, legs, at, reason=reason)


def _legs(
    source: str, target: str, year: int, parts_fen: Mapping[str, int], group: str = ""
) -> tuple[Leg, ...]:
    return tuple(
        Leg(
            Account(source, year, funder=funder, group=group),
            Account(target, year, funder=funder, group=group),
            fen,
        )
        for funder, fen in parts_fen.items()
    )


def _require_group(scheme: Scheme, tranche: Tranche) -> None:
    known = [one.id for one in scheme.programme.budget.groups]
    if tranche.group and tranche.group not in known:
        values = {"programme": scheme.id, "name": tranche.group, "known": ", ".join(known) or "-"}
        raise ToldError("group", **values)


def _require_funders(scheme: Scheme, tranche: Tranche) -> None:
    known = [name for name, _ in scheme.programme.funders]
    for name in tranche.parts_fen:
        if name not in known:
            raise FunderError("funder", programme=scheme.id, name=name, known=", ".join(known))
