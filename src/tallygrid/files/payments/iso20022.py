"""ISO 20022: a pain.001 to the bank, and its statement, a camt.053, back.

Written are the elements of pain.001.001.09 that a domestic transfer needs: a payment block per
funder and year, a transaction per payment. Read are booked entries that carry the reference of
a payment: a debit is the payment, a returned or reversed one is the payment that came back.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from tallygrid.core.money import yuan
from tallygrid.core.payment import PaymentOrder, Receipt, block_of, reference_of
from tallygrid.files.mistake import FileError, Mistake, shown
from tallygrid.files.payments.port import (
    BankAccount,
    MissingAccountError,
    PaymentBatch,
    Sent,
    Statement,
)
from tallygrid.files.receipts import fen_of
from tallygrid.files.xml import Element, read_xml

_PAIN: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_CAMT: Final = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.[0-9]{2}")
_NAME_MAX: Final = 140
_RETURNS: Final = frozenset({"RRTN", "RPCR"})
"""Sub-families of transactions: a reversal for a payment's return, or for its cancellation."""
_CHINA: Final = ZoneInfo("Asia/Shanghai")
"""Whose days a bank books by."""
_Line = tuple[int, str]


class _Booked(NamedTuple):
    """What an entry says of a payment, and the day on which it was booked."""

    on: date | None
    receipt: Receipt


class Iso20022:
    """pain.001 out, camt.053 in."""

    suffix = ".xml"
    needs_accounts = True

    def write(self, batch: PaymentBatch) -> str:
        """Return the pain.001 of a batch.

        Raises:
            MissingAccountError: The account of a funder or payee is not known.
        """
        wanted = {name for one in batch.orders for name in (one.funder, one.payee)}
        if missing := tuple(sorted(wanted - batch.accounts.keys())):
            raise MissingAccountError(missing)
        body = [*_header(batch), *(part for of in _blocks(batch) for part in _block(batch, of))]
        return _document(body)

    def read(self, path: Path) -> Statement:
        """Read a camt.053, which holds receipts among other entries.

        Raises:
            FileError: It is no statement; when receipts are asked for, with every entry of ours
                that cannot be read.
        """
        root = read_xml(path)
        if not (root.name == "Document" and _CAMT.fullmatch(root.namespace)):
            problem = f"This is {shown(f'{root.namespace} {root.name}')}, no statement."
            remedy = "Name a camt.053, whose first element is a Document of that namespace."
            raise FileError([Mistake(str(path), root.line, root.column, problem, remedy)])
        return lambda ours: _of_ours(str(path), root, ours)


def _of_ours(file: str, root: Element, ours: Sent) -> tuple[Receipt, ...]:
    """Return the receipts of our payments; of each the last, where that can be told."""
    since = {name: at.astimezone(_CHINA).date() if at else date.min for name, at in ours.items()}
    mistakes: list[Mistake] = []
    found = sorted(_receipts(file, root, since, mistakes), key=lambda one: one.on or date.min)
    if not found and not mistakes:
        problem = "No booked entry answers a payment that was sent, by its EndToEndId."
        mistakes = [Mistake(file, root.line, root.column, problem, "Name another file.")]
    if mistakes:
        raise FileError(mistakes)
    said: dict[str, list[_Booked]] = {}
    for one in dict.fromkeys(found):
        said.setdefault(one.receipt.payment, []).append(one)
    last = (one for name, booked in said.items() for one in _last(booked, since[name]))
    return tuple(one.receipt for one in last)


def _last(booked: list[_Booked], sent_on: date) -> list[_Booked]:
    """Return what was booked last of a payment; everything, where that cannot be told.

    It goes and comes back in turn. A bank may list a day in any order: a return before the one
    payment of its day is of that payment, unless it was sent again on that very day.
    """
    match booked:
        case [(on, Receipt(is_paid=False)), (same_on, Receipt(is_paid=True))] if on == same_on:
            return booked if on == sent_on else booked[:1]
    in_turn = all(one.receipt.is_paid != next_.receipt.is_paid for one, next_ in pairwise(booked))
    is_in_order = len({one.on is None for one in booked}) == 1
    return booked[-1:] if in_turn and is_in_order else booked


def _blocks(batch: PaymentBatch) -> Iterator[list[PaymentOrder]]:
    """Yield the payments of a batch, those of one funder and year together."""
    orders = sorted(batch.orders, key=lambda one: (one.funder, one.fiscal_year, one.id))
    for _, found in groupby(orders, key=lambda one: (one.funder, one.fiscal_year)):
        yield list(found)


def _header(batch: PaymentBatch) -> Iterator[_Line]:
    yield 2, "<GrpHdr>"
    yield 3, _tag("MsgId", reference_of(batch.name))
    yield 3, _tag("CreDtTm", batch.at.isoformat(timespec="seconds"))
    yield from _sums(batch.orders)
    yield 3, f"<InitgPty>{_tag('Nm', batch.orders[0].programme[:_NAME_MAX])}</InitgPty>"
    yield 2, "</GrpHdr>"


def _block(batch: PaymentBatch, orders: list[PaymentOrder]) -> Iterator[_Line]:
    first = orders[0]
    account = batch.accounts[first.funder]
    yield 2, "<PmtInf>"
    yield 3, _tag("PmtInfId", block_of(batch.name, first.funder, first.fiscal_year))
    yield 3, _tag("PmtMtd", "TRF")
    yield 3, _tag("BtchBookg", "false")  # an entry of the statement for each payment
    yield from _sums(tuple(orders))
    yield 3, f"<ReqdExctnDt>{_tag('Dt', batch.at.date().isoformat())}</ReqdExctnDt>"
    yield 3, f"<Dbtr>{_tag('Nm', f'{first.programme} {first.funder}'[:_NAME_MAX])}</Dbtr>"
    yield 3, f"<DbtrAcct>{_account(account)}</DbtrAcct>"
    yield 3, f"<DbtrAgt>{_bank(account)}</DbtrAgt>"
    for one in orders:
        yield from _transaction(one, batch.accounts[one.payee])
    yield 2, "</PmtInf>"


def _transaction(one: PaymentOrder, account: BankAccount) -> Iterator[_Line]:
    yield 3, "<CdtTrfTxInf>"
    yield 4, f"<PmtId>{_tag('EndToEndId', one.reference)}</PmtId>"
    yield 4, f'<Amt><InstdAmt Ccy="CNY">{yuan(one.amount_fen)}</InstdAmt></Amt>'
    yield 4, f"<CdtrAgt>{_bank(account)}</CdtrAgt>"
    code = f"<Id><OrgId><Othr>{_tag('Id', one.payee)}</Othr></OrgId></Id>"
    yield 4, f"<Cdtr>{_tag('Nm', one.payee_name[:_NAME_MAX])}{code}</Cdtr>"
    yield 4, f"<CdtrAcct>{_account(account)}</CdtrAcct>"
    purpose = f"{one.id} {one.programme} {one.fiscal_year} {one.funder}"
    yield 4, f"<RmtInf>{_tag('Ustrd', purpose[:_NAME_MAX])}</RmtInf>"
    yield 3, "</CdtTrfTxInf>"


def _sums(orders: tuple[PaymentOrder, ...]) -> Iterator[_Line]:
    yield 3, _tag("NbOfTxs", str(len(orders)))
    yield 3, _tag("CtrlSum", yuan(sum(one.amount_fen for one in orders)))


def _account(account: BankAccount) -> str:
    return f"<Id><Othr>{_tag('Id', account.number)}</Othr></Id>"


def _bank(account: BankAccount) -> str:
    system = f"<ClrSysId>{_tag('Cd', 'CNAPS')}</ClrSysId>"
    member = _tag("MmbId", account.bank)
    return f"<FinInstnId><ClrSysMmbId>{system}{member}</ClrSysMmbId></FinInstnId>"


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _document(body: list[_Line]) -> str:
    lines = [(0, f'<Document xmlns="{_PAIN}">'), (1, "<CstmrCdtTrfInitn>"), *body]
    lines += [(1, "</CstmrCdtTrfInitn>"), (0, "</Document>")]
    text = "".join(f"{'  ' * depth}{line}\n" for depth, line in lines)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def _receipts(
    file: str, root: Element, since: Mapping[str, date], mistakes: list[Mistake]
) -> Iterator[_Booked]:
    """Yield what a statement's booked entries say of payments, and note what cannot be read."""
    for entry in root.all("BkToCstmrStmt", "Stmt", "Ntry"):
        status = entry.said("Sts", "Cd") or entry.said("Sts")
        if status != "BOOK":
            continue  # pending or for information: nothing has moved
        details = list(entry.all("NtryDtls", "TxDtls"))
        if not details:
            mistakes.extend(_nameless(file, entry, since))
        on = _booked_on(entry)
        for detail in details:
            name = detail.said("Refs", "EndToEndId")
            if name not in since or (on is not None and on < since[name]):
                continue  # the account's other business, or an attempt that is over
            receipt, why = _receipt(entry, detail, is_alone=len(details) == 1)
            if receipt is not None:
                yield _Booked(on, receipt)
            else:
                mistakes.append(Mistake(file, detail.line, detail.column, *why))


def _booked_on(entry: Element) -> date | None:
    """Return the day on which an entry was booked, if the bank says so."""
    said = entry.said("BookgDt", "Dt") or entry.said("BookgDt", "DtTm")
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    return (at.astimezone(_CHINA) if at.tzinfo else at).date()


def _nameless(file: str, entry: Element, ours: Collection[str]) -> Iterator[Mistake]:
    """Yield the blocks of payments that an entry books together, naming none of them."""
    for block in entry.all("NtryDtls", "Btch"):
        if (name := block.said("PmtInfId")) in ours:
            problem = f"The payments of {shown(name)} are booked together, and none is named."
            remedy = "Ask the bank for an entry, or for the details, of each payment."
            yield Mistake(file, block.line, block.column, problem, remedy)


def _receipt(
    entry: Element, detail: Element, *, is_alone: bool
) -> tuple[Receipt | None, tuple[str, str]]:
    """Return the receipt that a detail of an entry is; or what is wrong, and the remedy."""
    name = detail.said("Refs", "EndToEndId")
    ways = (("Amt",), ("AmtDtls", "TxAmt", "Amt"), ("AmtDtls", "InstdAmt", "Amt"))
    amount = next((found for way in ways if (found := detail.one(*way))), None)
    amount = amount or (entry.one("Amt") if is_alone else None)
    number = detail.said("Refs", "AcctSvcrRef") or entry.said("AcctSvcrRef")
    number = number or entry.said("NtryRef")
    if amount is None or (fen := _fen(amount)) is None:
        problem = f"The amount of {shown(name)} is {shown(amount.text if amount else '')}."
        return None, (problem, "It must be an amount in CNY of at most two decimals.")
    if not number:
        return None, (f"The bank gives {shown(name)} no number.", "AcctSvcrRef must be there.")
    side = detail.said("CdtDbtInd") or entry.said("CdtDbtInd")
    came_back = _came_back(entry, detail)
    if side not in {"DBIT", "CRDT"} or came_back != (side == "CRDT"):
        problem = (
            f"The entry of {shown(name)} is {shown(side)}, {'' if came_back else 'not '}returned."
        )
        return None, (problem, "A payment is a debit; one that came back, a returned credit.")
    return Receipt(name, number, fen, is_paid=not came_back), ("", "")


def _came_back(entry: Element, detail: Element) -> bool:
    """Tell whether a bank calls an entry the return of a payment: it may do so in three ways."""
    codes = {one.said("BkTxCd", "Domn", "Fmly", "SubFmlyCd") for one in (entry, detail)}
    return (
        detail.one("RtrInf") is not None
        or entry.said("RvslInd") in {"true", "1"}
        or bool(codes & _RETURNS)
    )


def _fen(amount: Element) -> int | None:
    whole, point, odd = amount.text.strip().partition(".")
    if amount.attributes.get("Ccy") != "CNY":
        return None
    try:
        return fen_of(whole + point + odd.rstrip("0"))
    except ValueError:
        return None
