"""Receipts as a treasury or a bank writes them."""

from collections.abc import Callable
from typing import Final, NamedTuple


class Given(NamedTuple):
    """One receipt, to be written as a treasury or bank writes it."""

    payment: str
    number: str
    amount: str
    is_paid: bool = True
    on: str = "<Dt>2026-08-03</Dt>"
    """When a bank has booked it."""


def csv_of(receipts: list[Given]) -> str:
    """Return the treasury's table."""
    rows = [
        f"{one.payment},{one.number},{one.amount},{'yes' if one.is_paid else 'no'}"
        for one in receipts
    ]
    return "\n".join(["payment,receipt,amount_yuan,paid", *rows]) + "\n"


def entry_of(
    one: Given, *, version: str = "08", currency: str = "CNY", status: str = "BOOK"
) -> str:
    """Return an entry with every element that the schema wants, in its order."""
    side, family = ("DBIT", "DMCT") if one.is_paid else ("CRDT", "RRTN")
    returned = "" if one.is_paid else "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
    amount = f'<Amt Ccy="{currency}">{one.amount}</Amt>'
    detail = f"{amount}<CdtDbtInd>{side}</CdtDbtInd>"
    code = f"<Cd>{status}</Cd>"
    if version == "02":  # no amount of its own, and the status without a choice
        detail, code = f"<AmtDtls><TxAmt>{amount}</TxAmt></AmtDtls>", status
    return f"""
      <Ntry>{amount}<CdtDbtInd>{side}</CdtDbtInd><Sts>{code}</Sts>
        <BookgDt>{one.on}</BookgDt><AcctSvcrRef>{one.number}</AcctSvcrRef>
        <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>{family}</SubFmlyCd></Fmly></Domn></BkTxCd>
        <NtryDtls><TxDtls><Refs><EndToEndId>{one.payment}</EndToEndId></Refs>
          {detail}{returned}</TxDtls></NtryDtls></Ntry>"""


def camt_of(entries: str, *, version: str = "08") -> str:
    """Return a bank's statement of one account."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">
  <BkToCstmrStmt>
    <GrpHdr><MsgId>S-1</MsgId><CreDtTm>2026-08-04T08:00:00+08:00</CreDtTm></GrpHdr>
    <Stmt><Id>1</Id><CreDtTm>2026-08-04T08:00:00+08:00</CreDtTm>
      <Acct><Id><Othr><Id>4000123</Id></Othr></Id></Acct>
      <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">1.00</Amt>
        <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-08-03</Dt></Dt></Bal>{entries}</Stmt>
  </BkToCstmrStmt>
</Document>"""


ANSWERS: Final[dict[str, Callable[[list[Given]], str]]] = {
    "csv": csv_of,
    "iso20022": lambda receipts: camt_of("".join(entry_of(one) for one in receipts)),
}
