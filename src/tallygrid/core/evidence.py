"""Checking a bundle of evidence from what is in it alone: no database, no catalogue, no clock.

Each check below is about one part, and names it. Together they lead from a payment or voucher
back to the rule: the signed head holds the event, the event the hash of the decision, the
decision the version of the programme, and every amount is worked out again.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from tallygrid.core.books import (
    MONEY_TABLE,
    REVERSED_BY,
    Account,
    Problem,
    reversal_key,
    reversed_by,
)
from tallygrid.core.canonical import canonical_json, genesis_of, leaf_of, link_of, sha256_of
from tallygrid.core.heads import SignedHead, is_genuine
from tallygrid.core.key import key_of
from tallygrid.core.recompute import recompute
from tallygrid.core.recompute_bill import added, measured, recompute_bill

Plain = Mapping[str, Any]
Checked = Iterator[tuple[str, str]]
"""Which sentence says what is wrong, and about what."""

_EVENT: Final = frozenset(
    {
        "seq", "batch", "key", "kind", "hold", "ttl_seconds", "is_final", "occurred_at",
        "posted_at", "posted_by", "reason", "document", "outbox", "legs",
    }
)  # fmt: skip
_FIGURE: Final = re.compile(r".*_(fen|bp|ms)|cards|clock")
_FRACTION: Final = re.compile(r"-?[0-9]{1,40}(/[0-9]{1,40})?")
_SEGMENT: Final = frozenset({"first_seq", "previous", "currency", "batches", "head"})

AWARDS: Final = frozenset({"award", "award_ex_post"})
"""Events that hold the hash of an application with its answer."""

PARTS: Final = frozenset(
    {
        "subject", "programmes", "applications", "vouchers", "purchases", "lines", "payments",
        "clawbacks", "events", "chain", "keys",
    }
)  # fmt: skip
"""What a bundle holds."""


def problems_of(
    parts: Plain,
    *,
    keys: Mapping[str, str],
    head_of: Callable[[Plain], SignedHead],
    document_of: Callable[[str], object],
) -> Iterator[Problem]:
    """Yield what is wrong in the parts of a bundle.

    Args:
        parts: The parts, by name.
        keys: The trusted public keys, by id.
        head_of: Reads a signed head from its plain form.
        document_of: Reads a programme's document from its text.
    """
    if set(parts) != PARTS:
        for name in sorted(PARTS ^ set(parts)):
            yield Problem("evidence.part_missing", {"part": name, "what": name})
        return
    wrong = [(part, what) for part in parts for what in _no_figures(parts[part])]
    for part, what in wrong:
        yield Problem("evidence.malformed", {"part": part, "what": what})
    evidence = Evidence(parts, keys, head_of, document_of)
    for part, check in () if wrong else _CHECKS:
        try:
            for code, what in check(evidence):
                yield Problem(f"evidence.{code}", {"part": part, "what": what})
        except (
            KeyError, ValueError, TypeError, AttributeError, IndexError, AssertionError,
            ArithmeticError, StopIteration, RecursionError,
        ) as error:  # fmt: skip
            what = f"{type(error).__name__}: {error}"
            yield Problem("evidence.malformed", {"part": part, "what": what})


def _no_figures(value: object) -> Iterator[str]:
    """Yield what should be a figure and is none: a text times a figure could fill any memory."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            if type(one) is not int and (
                (_FIGURE.fullmatch(name) and one is not None)
                or (name == "quantity" and not _FRACTION.fullmatch(str(one)))
            ):
                yield name
            elif name != "facts":  # no check counts with them
                yield from _no_figures(one)
    elif isinstance(value, list):
        for one in value:
            yield from _no_figures(one)


@dataclass(frozen=True)
class Evidence:
    """The parts of a bundle, and how to read what is written in them."""

    parts: Plain
    keys: Mapping[str, str]
    head_of: Callable[[Plain], SignedHead]
    document_of: Callable[[str], object]

    def of(self, part: str) -> dict[str, Plain]:
        """Return the members of a part by their ids."""
        return {one["id"]: one for one in self.parts[part]}

    @cached_property
    def events(self) -> tuple[tuple[str, Plain], ...]:
        """Every event with its programme, in the order of the books."""
        return tuple(
            (name, event) for name, found in self.parts["events"].items() for event in found
        )

    @cached_property
    def captures(self) -> dict[tuple[str, str], list[tuple[Account, Account, int]]]:
        """What took money from a voucher, or gave it back, by programme and the event's key.

        Each leg is the voucher's account, the payee's, and the amount, below zero where a
        correction takes it back.
        """
        found: dict[tuple[str, str], list[tuple[Account, Account, int]]] = {}
        for name, event in self.events:
            for source, target, fen in event["legs"]:
                ends = Account.of(source), Account.of(target)
                if event["kind"] == "correct" and ends[1].kind == "committed":
                    found.setdefault((name, event["key"]), []).append((ends[1], ends[0], -fen))
                elif event["kind"] == "capture" and ends[0].kind == "committed":
                    found.setdefault((name, event["key"]), []).append((*ends, fen))
        return found

    def said(self, does: str) -> list[tuple[str, Plain, Plain]]:
        """Return what the books told the application, of one sort: programme, event, message."""
        return [one for one in self._messages if one[2].get("does") == does]

    @cached_property
    def _messages(self) -> list[tuple[str, Plain, Plain]]:
        texts = ((name, event) for name, event in self.events if event["outbox"] is not None)
        return [(name, event, self._message(event["outbox"])) for name, event in texts]

    @staticmethod
    def _message(text: str) -> Plain:
        found = json.loads(text)
        assert isinstance(found, dict), text
        return found


def _subject(of: Evidence) -> Checked:
    """The subject is among what the bundle is about."""
    subject = of.parts["subject"]
    if set(subject) != {"kind", "id"} or subject["kind"] not in {"voucher", "payment"}:
        yield "malformed", canonical_json(subject)
    elif subject["id"] not in of.of(f"{subject['kind']}s"):
        yield "not_about", subject["id"]


def _programmes(of: Evidence) -> Checked:
    """The text of every version is that whose hash the decisions name; none is superfluous."""
    versions = set()
    for one in of.parts["programmes"]:
        versions.add((one["programme"], one["version"]))
        document = of.document_of(one["text"])
        if (
            set(one) != {"programme", "version", "text"}
            or f"sha256:{sha256_of(document)}" != one["version"]
            or not isinstance(document, dict)
            or document["id"] != one["programme"]
        ):
            yield "text_differs", one["programme"]
    needed = {(one["programme"], one["decision"]["version"]) for one in of.parts["applications"]}
    for name, version in sorted(needed ^ versions):
        yield "version_missing", f"{name} {version}"


def _applications(of: Evidence) -> Checked:
    """Every decision follows from its own lines, and the award holds its hash."""
    awards = {event["document"] for _, event in of.events if event["kind"] in AWARDS}
    for one in of.parts["applications"]:
        decision = one["decision"]
        ends = (decision["at_least_fen"], decision["at_most_fen"])
        if tuple(recompute(decision)) != ends or decision["outcome"] != "eligible":
            yield "decision_differs", one["id"]
        if decision["programme"] != one["programme"] or sha256_of(one) not in awards:
            yield "not_awarded", one["id"]
    ex_post = [event for _, event in of.events if event["kind"] == "award_ex_post"]
    asked = {voucher["application"] for voucher in of.parts["vouchers"]}
    asked |= set(map(application_of, ex_post))
    for name in sorted(asked ^ set(of.of("applications"))):
        yield "application_missing", name
    for event in ex_post:
        one = of.of("applications")[application_of(event)]
        owed_fen = sum(fen for _, target, fen in event["legs"]
                       if Account.of(target).kind == "payable")  # fmt: skip
        if sha256_of(one) != event["document"]:
            yield "not_awarded", one["id"]
        if owed_fen > one["decision"]["amount_fen"] or not one["decision"]["issuable"]:
            yield "face_exceeds", one["id"]


def application_of(event: Plain) -> str:
    """Return the application that an award answers."""
    name: str = event["reason"].removeprefix("application ")
    return name


def _vouchers(of: Evidence) -> Checked:
    """Every voucher is what was issued, on its decision, for no more than that gives."""
    issued = {
        said["id"]: (event, {name: value for name, value in said.items() if name != "does"})
        for _, event, said in of.said("voucher_issued")
    }
    issues = {(name, event["reason"]): event for name, event in of.events
              if event["kind"] == "issue"}  # fmt: skip
    for one in of.parts["vouchers"]:
        grant, name = one["grant_terms"], one["id"]
        if name not in issued or issued[name][1] != one:
            yield "voucher_differs", name
        decision = of.of("applications")[one["application"]]["decision"]
        event = issues[one["programme"], f"voucher {name}"]
        committed_fen = sum(fen for _, target, fen in event["legs"]
                            if Account.of(target).kind == "committed")  # fmt: skip
        if committed_fen != grant["room_fen"] or grant["rate_bp"] != decision["rate_bp"]:
            yield "face_differs", name
        if grant["room_fen"] > decision["amount_fen"] or not decision["issuable"]:
            yield "face_exceeds", name


def _purchases(of: Evidence) -> Checked:
    """Every purchase is what the books held for, and its quote follows from its terms."""
    bought = {said["purchase"]["id"]: said["purchase"] for _, _, said in of.said("bought")}
    for one in of.parts["purchases"]:
        if bought.get(one["id"]) != one:
            yield "purchase_differs", one["id"]
        bill = one["bill"]
        again = recompute_bill(one["terms"], Fraction(one["quantity"]), bill["subsidies"])
        if again != bill:
            yield "quote_differs", one["id"]
        holds = {event["key"] for _, event in of.events if event["kind"] == "hold"}
        ours = {share["hold"] for share in one["shares"] if share["voucher"] in of.of("vouchers")}
        if not ours <= holds:
            yield "hold_missing", one["id"]


def _lines(of: Evidence) -> Checked:
    """Every line is what was accepted and measured, rated on the running total, and captured."""
    accepted = {(said["line"]["purchase"], said["line"]["n"]): said["line"]
                for _, _, said in of.said("line_accepted")}  # fmt: skip
    purchases, to_date = of.of("purchases"), dict[str, tuple[Fraction, Plain | None]]()
    for one in of.parts["lines"]:
        name, purchase = f"{one['purchase']} / {one['n']}", purchases[one["purchase"]]
        known = accepted.get((one["purchase"], one["n"]))
        if known != one and (
            known or any(part["subsidy_fen"] for part in one["bill"]["subsidies"])
        ):
            yield "line_differs", name
        quantity, bill = to_date.get(one["account"], (Fraction(0), None))
        quantity, bill = quantity + Fraction(one["quantity"]), added(bill, one["bill"])
        to_date[one["account"]] = (quantity, bill)
        if recompute_bill(purchase["terms"], quantity, bill["subsidies"]) != bill:
            yield "rating_differs", name
        use = measured(one["evidence"], purchase["terms"]["price"])
        if use is not None and use != (one["document"], Fraction(one["quantity"])):
            yield "usage_differs", name
        yield from (("capture_differs", name) for _ in _miscaptured(of, purchase, one))
    for purchase_name, n in sorted(accepted.keys() - {(one["purchase"], one["n"])
                                                      for one in of.parts["lines"]}):  # fmt: skip
        yield "line_missing", f"{purchase_name} / {n}"
    yield from _unexplained(of)


def _miscaptured(of: Evidence, purchase: Plain, line: Plain) -> Iterator[str]:
    """Yield the vouchers of a line of which the books captured anything else."""
    for share, part in zip(purchase["shares"], line["bill"]["subsidies"], strict=True):
        if share["voucher"] not in of.of("vouchers"):
            continue  # another voucher's part: it is in that voucher's own bundle
        found = sorted(
            (voucher.funder, fen)
            for name in _capture_names(share, line)
            for voucher, payee, fen in of.captures.get(name, [])
            if voucher.holder == share["voucher"]
            and (payee.kind, payee.holder) == ("payable", share["payee"])
        )
        if found != sorted((name, fen) for name, fen in part["funders"] if fen):
            yield share["voucher"]


def _unexplained(of: Evidence) -> Checked:
    """Yield captures that no line here explains: of a voucher here, or into the payment."""
    explained = {
        name
        for line in of.parts["lines"]
        for share in of.of("purchases")[line["purchase"]]["shares"]
        if share["voucher"] in of.of("vouchers")
        for name in _capture_names(share, line)
    }
    paid = _paid_account(of)
    for name, legs in of.captures.items():
        concerns = (
            voucher.holder in of.of("vouchers") or (name[0], payee.code) == paid
            for voucher, payee, _ in legs
        )
        if name not in explained and any(concerns):
            yield "capture_unexplained", " ".join(name)


def _capture_names(share: Plain, line: Plain) -> Iterator[tuple[str, str]]:
    """Yield by which keys the books know what a line captured of a share, or took back."""
    for kind in ("capture", "correct"):
        yield share["programme"], str(key_of(kind, share["hold"], line["n"]))


def _paid_account(of: Evidence) -> tuple[str, str] | None:
    """Return the programme and account of the payment that the bundle is about, if it is one."""
    subject = of.parts["subject"]
    if subject["kind"] != "payment":
        return None
    one = of.of("payments")[subject["id"]]
    account = Account("payable", one["fiscal_year"], one["payee"], one["funder"])
    return one["programme"], account.code


def _payments(of: Evidence) -> Checked:
    """Every payment is what the books sent; of the one asked for, what it pays is all here."""
    sent = {said["id"]: (name, event, said) for name, event, said in of.said("payment_sent")}
    for one in of.parts["payments"]:
        name, event, said = sent.get(one["id"], ("", {}, {}))
        told = {key: value for key, value in said.items() if key != "does"}
        if told != one or name != one["programme"]:
            yield "payment_differs", one["id"]
            continue
        ((source, _, fen),) = event["legs"]
        account = Account.of(source)
        whose = (account.kind, account.holder, account.funder, account.year)
        if whose != ("payable", one["payee"], one["funder"], one["fiscal_year"]) or (
            fen != one["amount_fen"]
        ):
            yield "payment_differs", one["id"]
        owed = _owed(of, one["programme"], source, before=event["seq"])
        is_subject = of.parts["subject"] == {"kind": "payment", "id": one["id"]}
        if is_subject and one["amount_fen"] not in owed:
            yield "payment_unexplained", one["id"]


def _owed(of: Evidence, programme: str, source: str, *, before: int) -> set[int]:
    """Return what can have been owed on an account when it was paid out.

    A payment takes all that came in since one before it, which has not come back: what these
    events add up to since then, or since ever.
    """
    moved = [(event, _change_fen(event, source)) for event in of.parts["events"][programme]
             if event["seq"] < before]  # fmt: skip
    failed = {(said["payment"], event["seq"]) for _, event, said in of.said("payment_failed")}
    starts = [0]
    for event, _ in moved:
        if event["kind"] == "pay" and event["legs"][0][0] == source:
            said = json.loads(event["outbox"])
            name = said.get("payment") or said["id"]
            if not any(one == name and event["seq"] < seq < before for one, seq in failed):
                starts.append(event["seq"])
    return {sum(fen for event, fen in moved if event["seq"] > start) for start in starts}


def _change_fen(event: Plain, account: str) -> int:
    """Return by how much an event changes what is owed on an account."""
    if MONEY_TABLE[event["kind"]].phase not in {"direct", "capture"}:
        return 0
    return sum(
        (target == account) * fen - (source == account) * fen
        for source, target, fen in event["legs"]
    )


def _clawbacks(of: Evidence) -> Checked:
    """Every demand is what the books moved, of a payment here, and so is what became of it."""
    demanded = {
        said["id"]: (name, event, said) for name, event, said in of.said("clawback_demanded")
    }
    for one in of.parts["clawbacks"]:
        name, event, said = demanded.get(one["id"], ("", {"legs": []}, {}))
        payment = of.of("payments")[one["payment"]]
        whose = [payment[part] for part in ("payee", "funder", "fiscal_year")]
        paid = [[account.holder, account.funder, account.year] for account in
                (Account.of(code) for leg in event["legs"] for code in leg[:2])]  # fmt: skip
        moved_fen = sum(fen for source, _, fen in event["legs"])
        if (
            {key: value for key, value in said.items() if key != "does"} != one
            or name != payment["programme"]
            or paid != [whose, whose]
            or moved_fen != one["amount_fen"]
            or _settled_fen(of, one["id"]) > one["amount_fen"]
        ):
            yield "clawback_differs", one["id"]
    events = {event["key"] for _, event in of.events if event["kind"] == "claw_back"}
    told = {demanded[one["id"]][1]["key"] for one in of.parts["clawbacks"] if one["id"] in demanded}
    for key in sorted(events ^ told):
        yield "clawback_differs", key


def _settled_fen(of: Evidence, clawback: str) -> int:
    """Return how much of a demand has come back, was dropped or is given up."""
    return sum(
        fen * (_is_recoverable(source) - _is_recoverable(target))
        for _, event, said in of.said("clawback_moved")
        if said["clawback"] == clawback
        for source, target, fen in event["legs"]
    )


def _is_recoverable(code: str) -> bool:
    return Account.of(code).kind == "recoverable"


def _events(of: Evidence) -> Checked:
    """Every event moves money as it may; no voucher ever pays or holds more than it has."""
    for name, event in of.events:
        row = MONEY_TABLE[event["kind"]]
        for source, target, _ in event["legs"]:
            start, end = Account.of(source), Account.of(target)
            if (start.kind, end.kind) not in row.moves or (start.year, start.funder) != (
                end.year,
                end.funder,
            ):
                yield "unlawful", f"{name} {event['seq']}"
        if event["kind"] in REVERSED_BY.values() and not _is_mirror(of, name, event):
            yield "no_mirror", f"{name} {event['seq']}"
    for voucher in of.parts["vouchers"]:
        yield from _overdrawn(of, voucher)


def _is_mirror(of: Evidence, programme: str, event: Plain) -> bool:
    """Tell whether a reversal undoes exactly the entry that it names, which is here too."""
    for one in of.parts["events"][programme]:
        key = UUID(one["key"])
        if key == reversed_by(event["reason"]):
            back = sorted([target, source, fen] for source, target, fen in one["legs"] if fen)
            return (
                event["key"] == str(reversal_key(key))
                and one["seq"] < event["seq"]
                and REVERSED_BY.get(one["kind"]) == event["kind"]
                and sorted(map(list, event["legs"])) == back
            )
    return False


def _overdrawn(of: Evidence, voucher: Plain) -> Checked:
    free: dict[str, int] = {}
    holds: dict[str, dict[str, int]] = {}
    for event in of.parts["events"][voucher["programme"]]:
        _play(event, voucher["id"], free, holds)
        held = [fen for rest in holds.values() for fen in rest.values()]
        if any(fen < 0 for fen in (*free.values(), *held)):
            yield "overdrawn", f"{voucher['id']} {event['seq']}"
            return


def _play(
    event: Plain, voucher: str, free: dict[str, int], holds: dict[str, dict[str, int]]
) -> None:
    """Carry one event over into what a voucher has free and held, account by account."""
    phase = MONEY_TABLE[event["kind"]].phase
    rest = holds.setdefault(event["hold"] or event["key"], {})
    for source, target, fen in event["legs"]:
        if phase == "direct" and _is_of(target, voucher):
            free[target] = free.get(target, 0) + fen
        if not _is_of(source, voucher):
            continue
        if phase == "capture":
            rest[source] = rest.get(source, 0) - fen
        else:
            free[source] = free.get(source, 0) - fen
            if phase in {"hold", "extend"}:
                rest[source] = rest.get(source, 0) + fen
    if event["is_final"] or phase in {"release", "expire"}:
        for source, fen in rest.items():
            free[source] = free.get(source, 0) + fen
        rest.clear()


def _is_of(code: str, voucher: str) -> bool:
    account = Account.of(code)
    return (account.kind, account.holder) == ("committed", voucher)


def _chain(of: Evidence) -> Checked:
    """Every event's hash is a leaf of a batch that is chained to a signed head."""
    if set(of.parts["chain"]) != set(of.parts["events"]):
        yield "chain_missing", " ".join(sorted(set(of.parts["chain"]) ^ set(of.parts["events"])))
    for name, events in of.parts["events"].items():
        leaves: dict[tuple[int, int], str] = {}
        for segment in of.parts["chain"][name]:
            head = of.head_of(segment["head"])
            yield from _unlinked(of, name, segment, head)
            leaves |= _leaves(segment)
        places = [event["seq"] for event in events]
        if places != sorted(set(places)):
            yield "event_differs", name
        for event in events:
            assert set(event) == _EVENT, event["seq"]
            if leaves.get((event["batch"], event["seq"])) != leaf_of(name, event).hex():
                yield "event_differs", f"{name} {event['seq']}"


def _unlinked(of: Evidence, programme: str, segment: Plain, head: SignedHead) -> Checked:
    what = f"{programme} {head.head.batch}"
    assert set(segment) == _SEGMENT, what
    assert all(set(batch) == {"no", "leaves"} for batch in segment["batches"]), what
    if head.head.programme != programme or not is_genuine(head, of.keys):
        yield "head_forged", what
    first = segment["batches"][0]
    previous = bytes.fromhex(segment["previous"])
    if first["no"] != 1 and segment["currency"]:
        yield "unlinked", what  # only the beginning of the books is made of their currency
    if first["no"] == 1 and previous != genesis_of(programme, segment["currency"]):
        yield "unlinked", what
    for no, batch in enumerate(segment["batches"], start=first["no"]):
        if batch["no"] != no:
            yield "unlinked", f"{programme} {no}"
        previous = link_of(previous, map(bytes.fromhex, batch["leaves"]))
    end = max(_leaves(segment))
    if (end, previous.hex()) != ((head.head.batch, head.head.seq), head.head.hash):
        yield "unlinked", what


def _leaves(segment: Plain) -> dict[tuple[int, int], str]:
    """Return the leaves of a piece of the chain by batch and place."""
    found: dict[tuple[int, int], str] = {}
    seq = segment["first_seq"]
    for batch in segment["batches"]:
        found |= {(batch["no"], seq + n): leaf for n, leaf in enumerate(batch["leaves"])}
        seq += len(batch["leaves"])
    return found


_CHECKS: Final[tuple[tuple[str, Callable[[Evidence], Checked]], ...]] = (
    ("subject", _subject),
    ("programmes", _programmes),
    ("applications", _applications),
    ("vouchers", _vouchers),
    ("purchases", _purchases),
    ("lines", _lines),
    ("payments", _payments),
    ("clawbacks", _clawbacks),
    ("events", _events),
    ("chain", _chain),
)
"""Every part with its check. `keys` are checked by who trusts whom, before anything else."""
