"""The books as a few dictionaries: the plainest way to say what the SQL must answer."""

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from tallygrid.core.books import ACCOUNT_KINDS, MONEY_TABLE, Account, Event, Leg

MAY: Final = {
    "web": "appropriate reduce award withdraw issue lapse hold limit lower_limit reverse_budget"
    " close_carry_out close_carry_in close_lapse transfer_out transfer_in",
    "worker": "hold extend start capture release correct award_ex_post copay discount reverse_use",
    "payer": "pay confirm fail claw_back waive recover write_off reverse_payment",
}
EVERYTHING: Final = "migrator"  # in this test's database it may post every kind


@dataclass
class Hold:
    """What the model knows of a hold: its state, and per way what is left of it."""

    state: str = "open"
    is_overdue: bool = False
    rest: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass
class Model:
    """The books as a few dictionaries; one event at a time, the plainest way."""

    seq: int = 0
    free: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    holds: dict[UUID, Hold] = field(default_factory=dict)
    posted: dict[UUID, tuple[Event, int]] = field(default_factory=dict)
    told: list[int] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)

    def post(self, role: str, events: Sequence[Event]) -> list[tuple[str, int | None]]:
        """Answer a batch: the code and the place of each event."""
        self.sweep()
        answers: list[tuple[str, int | None]] = []
        for chain in chains(events):
            before = copy.deepcopy(self.__dict__)
            given = [self.judge(role, each) for each in chain]
            if len(chain) > 1 and any(code not in {"posted", "exists"} for code, _ in given):
                known = before["posted"]
                self.__dict__.update(before)
                given = [
                    ("chain_failed", None)
                    if code == "posted" or (code == "exists" and each.key not in known)
                    else (code, seq)
                    for each, (code, seq) in zip(chain, given, strict=True)
                ]
            answers += given
        return answers

    def sweep(self) -> None:
        """Expire every overdue hold whose work has not started."""
        for hold in self.holds.values():
            if hold.is_overdue and hold.state == "open":
                self.seq += 1
                self.close(hold, "expired")

    def judge(self, role: str, asked: Event) -> tuple[str, int | None]:
        """Answer one event, and do it if it may be done."""
        if role != EVERYTHING and asked.kind not in MAY[role].split():
            return "forbidden", None
        if not is_lawful(asked):
            return "invalid", None
        if asked.key in self.posted:
            first, seq = self.posted[asked.key]
            same = replace(first, chain=0) == replace(asked, chain=0)
            return ("exists", seq) if same else ("conflict", None)
        refusal = self.refusal_of_hold(asked) or self.shortage(asked)
        if refusal:
            return refusal, None
        self.apply(asked)
        self.seq += 1
        self.posted[asked.key] = (asked, self.seq)
        self.told += [self.seq] if asked.outbox is not None else []
        return "posted", self.seq

    def refusal_of_hold(self, asked: Event) -> str | None:
        """Return why a hold does not let an event happen."""
        if asked.hold is None:
            return None
        hold = self.holds.get(asked.hold)
        if hold is None or hold.state in {"captured", "released"}:
            return "hold_not_open"
        if hold.state == "expired":
            return "hold_expired"
        if asked.kind == "start" and hold.state == "started":
            return "hold_already_started"
        return None

    def shortage(self, asked: Event) -> str | None:
        """Return what an event lacks: money, or room in its hold."""
        if asked.kind == "capture":
            rest = self.hold_of(asked).rest
            short = any(each.amount_fen > rest.get(way(each), -1) for each in asked.legs)
            return "exceeds_hold" if short else None
        wanted: Counter[str] = Counter()
        for each in asked.legs:
            if not each.source.is_source:
                wanted[each.source.code] += each.amount_fen
        short = any(amount_fen > self.free[code] for code, amount_fen in wanted.items())
        return "insufficient" if short else None

    def apply(self, asked: Event) -> None:
        """Move what the legs say, and what that does to the hold."""
        if asked.kind == "hold":
            self.holds[asked.key] = Hold()
        for each in asked.legs:
            source, target = way(each)
            self.opened |= {source, target}
            if asked.kind in {"hold", "extend"}:
                rest = self.hold_of(asked).rest
                rest[source, target] = rest.get((source, target), 0) + each.amount_fen
                self.held[source] += each.amount_fen
            elif asked.kind == "capture":
                self.hold_of(asked).rest[source, target] -= each.amount_fen
                self.held[source] -= each.amount_fen
            if asked.kind != "capture":
                self.free[source] -= each.amount_fen
            if asked.kind not in {"hold", "extend"}:
                self.free[target] += each.amount_fen
        if asked.final or asked.kind == "release":
            self.close(self.hold_of(asked), "captured" if asked.final else "released")
        elif asked.kind in {"start", "capture"}:
            self.hold_of(asked).state = "started"

    def close(self, hold: Hold, state: str) -> None:
        """Close a hold and give back what it has left."""
        hold.state = state
        for (source, _), left in hold.rest.items():
            self.held[source] -= left
            self.free[source] += left

    def hold_of(self, asked: Event) -> Hold:
        """Return the hold an event opens or refers to."""
        return self.holds[asked.hold or asked.key]


def way(each: Leg) -> tuple[str, str]:
    """Return where a leg comes from and goes."""
    return each.source.code, each.target.code


def is_lawful(asked: Event) -> bool:
    """Tell whether the legs are such as the kind permits, none the other way round."""
    moves = MONEY_TABLE[asked.kind].moves
    return len({way(each) for each in asked.legs}) == len(asked.legs) and all(
        (each.source.kind, each.target.kind) in moves
        and (each.amount_fen > 0 or asked.kind == "capture")
        and (each.source.year, each.source.funder) == (each.target.year, each.target.funder)
        and keeps_owner(each.source, each.target)
        for each in asked.legs
    )


def keeps_owner(source: Account, target: Account) -> bool:
    """Tell whether two accounts of one sort have one holder."""
    same_sort = ACCOUNT_KINDS[source.kind].holder_of == ACCOUNT_KINDS[target.kind].holder_of
    return source.holder == target.holder or not same_sort


def chains(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield runs of one positive chain number, and every other event alone."""
    run: list[Event] = []
    for each in events:
        if run and (each.chain == 0 or each.chain != run[-1].chain):
            yield run
            run = []
        run.append(each)
    if run:
        yield run
