"""Buying, delivering and paying by hand, with every slip of the pen: refused, and nothing moves."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import AT, EXAMPLES, FACTS, Terminal

PROGRAMMES = ("henan-compute-issued", "zhengzhou-compute-issued")
BLOCK = f"facts: {FACTS}"
WORKLOADS = {
    "job": f"resources: {{accelerators: H100:8}}\nrun: echo hi\ntallygrid: {{hours: 1, {BLOCK}}}",
    "broken": f"resources: {{accelerators: H100:8}}\nrun: exit 3\ntallygrid: {{hours: 1, {BLOCK}}}",
    "huge": "num_nodes: 1000000\nresources: {accelerators: H100:8}\nrun: echo\n"
    f"tallygrid: {{hours: 1, {BLOCK}}}",
    "tokens": f"tallygrid: {{order: {{unit: million_tokens, quantity: 500}}, {BLOCK}}}",
    "stray": f"tallygrid: {{order: {{unit: million_tokens, quantity: 5}}, programmes: x, {BLOCK}}}",
    "no-corpus": "tallygrid: {order: {unit: million_tokens, quantity: 5}, kind: corpus, "
    f"{BLOCK}}}",
}


@pytest.fixture(scope="module")
def terminal(own_home: Path) -> Iterator[Terminal]:
    found = Terminal(own_home)
    assert "as reported" in found.fails("programme", "publish", "shanghai-compute-reported")
    for name in PROGRAMMES:
        found.does(
            *("programme", "publish", name, "--assume", "demonstration"),
            *("--budget", 2026, 10_000_000, "--at", "2026-05-01"),
        )
    yield found
    found.does("stop")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in WORKLOADS.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    for n in range(4):
        (tmp_path / f"paper-{n}").write_text(f"{tmp_path.name} {n}")
    return tmp_path


def _heads(terminal: Terminal, folder: Path) -> str:
    """Return where all books stand: the same text means that nothing was posted."""
    file = folder / "heads.jsonl"
    file.unlink(missing_ok=True)
    terminal.does("books", "heads", file)
    heads = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return " ".join(head["hash"] for head in heads)


def test_the_same_name_is_the_same_purchase(terminal: Terminal, folder: Path) -> None:
    first = terminal.reads("run", folder / "job.yaml", "--id", "same", *AT)
    before = _heads(terminal, folder)

    assert terminal.reads("run", folder / "job.yaml", "--id", "same", *AT) == first
    assert terminal.reads("run", folder / "job.yaml", "--id", "same") == first
    taken = terminal.fails("run", folder / "tokens.yaml", "--id", "same")

    assert "'same' is the name of another purchase" in taken
    assert _heads(terminal, folder) == before


def test_a_program_that_fails_is_billed_and_fails_the_run(terminal: Terminal, folder: Path) -> None:
    said = terminal.fails("run", folder / "broken.yaml", "--id", "broken", *AT)

    assert "The program ended with exit code 3" in said


@pytest.mark.parametrize("command", ["quote", "run"])
def test_a_job_larger_than_every_site_is_refused(
    terminal: Terminal, folder: Path, command: str
) -> None:
    before = _heads(terminal, folder)

    said = terminal.types(command, folder / "huge.yaml", *AT)

    assert said.exit_code == 1
    assert "the job is larger than the whole site" in said.stdout
    assert _heads(terminal, folder) == before


def test_what_is_not_there_is_told_with_what_is(terminal: Terminal, folder: Path) -> None:
    before = _heads(terminal, folder)
    paper = ("--evidence", folder / "paper-0", "--quantity", 1)

    assert "There is no programme 'x' here." in terminal.errs("quote", folder / "stray.yaml")
    assert "Nothing is offered" in terminal.fails("quote", folder / "no-corpus.yaml")
    assert "There is no purchase 'none'" in terminal.errs("deliver", "none", *paper)
    for words in (("pay",), ("books", "verify"), ("books", "export")):
        said = terminal.errs(*words, "--programme", "henan-compute-isued")
        assert "Did you mean `henan-compute-issued`?" in said
    assert _heads(terminal, folder) == before


def test_money_is_appropriated_once_under_one_document(terminal: Terminal, folder: Path) -> None:
    words = ("programme", "publish", PROGRAMMES[0], "--at", "2026-05-01", "--budget", 2026)
    before = _heads(terminal, folder)

    terminal.does(*words, 10_000_000)
    assert "was asked for before, with other contents" in terminal.fails(*words, 20_000_000)

    assert _heads(terminal, folder) == before


def test_deliveries_are_held_against_the_order(terminal: Terminal, folder: Path) -> None:
    terminal.does("run", folder / "tokens.yaml", "--id", "tokens", *AT)
    papers = [("deliver", "tokens", *AT, "--evidence", folder / f"paper-{n}") for n in range(4)]

    for wrong in ("abc", "-5", "1/0", "nan", "1_000", "٣", "0.0000001"):
        assert "is no quantity" in terminal.errs(*papers[0], f"--quantity={wrong}")
    assert "--days is for server-months" in terminal.errs(*papers[0], "--days", 3)
    assert "Give one of them" in terminal.errs(*papers[0], "--days", 3, "--quantity", 3)
    assert "is none" in terminal.fails(*papers[0], "--quantity", 0)
    assert "501 million tokens more is too much" in terminal.fails(*papers[0], "--quantity", 501)
    first = terminal.does(*papers[0], "--quantity", 100)
    before = _heads(terminal, folder)
    assert terminal.does(*papers[0], "--quantity", 100) == first
    assert "accepted for 100" in terminal.fails(*papers[0], "--quantity", 50)
    assert "401 million tokens more is too much" in terminal.fails(*papers[1], "--quantity", 401)
    assert _heads(terminal, folder) == before
    terminal.does(*papers[1], "--quantity", 400, "--last")
    assert "is settled" in terminal.fails(*papers[2], "--quantity", 0, "--last")


def test_stages_stay_within_the_order(terminal: Terminal, folder: Path) -> None:
    words = ("run", EXAMPLES / "reservation.yaml", "--id", "stages", *AT, "--first-days")
    paper = ("deliver", "stages", *AT, "--evidence", folder / "paper-0", "--days", 7)

    assert "Write at most 30" in terminal.errs(*words, 31)
    assert "orders none" in terminal.errs("run", folder / "job.yaml", *words[2:], 7)
    terminal.does(*words, 7)
    before = _heads(terminal, folder)
    assert "is too much" in terminal.fails(*paper, "--then-days", 24)
    assert _heads(terminal, folder) == before
    terminal.does(*paper)  # as far as it comes if it is killed before the next stage is held
    for _ in range(2):
        assert "Held for the next stage: CN¥" in terminal.does(*paper, "--then-days", 7)
    terminal.does(*paper[:-3], folder / "paper-1", *paper[-2:], "--last")
    assert "Held for the next" not in terminal.does(*paper, "--then-days", 7)


def test_a_stage_that_cannot_be_held_for_does_not_hide_the_delivery(
    terminal: Terminal, folder: Path
) -> None:
    terminal.does("run", EXAMPLES / "reservation.yaml", "--id", "taken", *AT, "--first-days", 7)
    for programme in PROGRAMMES:
        voucher = f"V-A-taken-{programme}"
        terminal.does("voucher", "revoke", voucher, "--because", "a slip", *AT)
    papers = [("deliver", "taken", *AT, "--evidence", folder / f"paper-{n}") for n in range(2)]

    refused = terminal.types(*papers[0], "--days", 7, "--then-days", 7)
    assert refused.exit_code == 1
    assert "Henan" in refused.stdout, "the line is told"
    assert "order the rest as a purchase of its own" in refused.stderr
    assert "Ask for less" in refused.stderr
    unpaid = terminal.types(*papers[1], "--days", 7)
    assert unpaid.exit_code == 0
    assert "was not paid and is not there" in unpaid.stderr


def test_receipts_are_held_against_the_payments(terminal: Terminal, folder: Path) -> None:
    out, receipts = folder / "list.csv", folder / "receipts.csv"
    words = ("pay", "--programme", PROGRAMMES[0], "--batch", "B", *AT, "--out", out)
    terminal.does(*words)
    sent = list(csv.DictReader(out.read_text().splitlines()))
    before = _heads(terminal, folder)
    header = "payment,receipt,amount_yuan,paid\n"
    first = sent[0]["payment"]

    receipts.write_text(header + f"none,R-1,5,yes\n{first},R-2,0.01,yes\n{first},R-3,0.01,no\n")
    said = terminal.errs("confirm", receipts)
    assert "R-1 names payment none, which was never sent" in said
    assert "R-2 is for 0.01 yuan" in said
    assert "Receipts R-2 and R-3 both name payment" in said
    terminal.does(*words)
    assert _heads(terminal, folder) == before

    rows = [f"{one['payment']},R-{one['payment']},{one['amount_yuan']},yes" for one in sent]
    receipts.write_text("\ufeff" + header + "\r\n".join(rows) + "\r\n", encoding="utf-8")
    terminal.does("confirm", receipts)
    after = _heads(terminal, folder)
    assert after != before
    terminal.does("confirm", receipts)
    assert _heads(terminal, folder) == after
    receipts.write_text(receipts.read_text(encoding="utf-8-sig").replace(",R-", ",Q-"))
    assert "which is confirmed already by receipt" in terminal.errs("confirm", receipts)
    assert terminal.does("books", "verify") == ""


PAYEE = "91999999DEM000102Y"
STATEMENT = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
<BkToCstmrStmt><Stmt>{}</Stmt></BkToCstmrStmt></Document>"""
ENTRY = """<Ntry><Amt Ccy="CNY">{1}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<AcctSvcrRef>T-{0}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{0}</EndToEndId></Refs>
</TxDtls></NtryDtls></Ntry>"""
TOGETHER = """<Ntry><Amt Ccy="CNY">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<NtryDtls><Btch><PmtInfId>{}</PmtInfId></Btch></NtryDtls></Ntry>"""


def _owed(terminal: Terminal, folder: Path, name: str) -> tuple[object, ...]:
    """Let something be owed, and return the words that ask a bank to pay it."""
    terminal.does("run", EXAMPLES / "reservation.yaml", "--id", name, *AT, "--first-days", 7)
    paper = folder / "paper-3"
    terminal.does("deliver", name, *AT, "--evidence", paper, "--days", 7, "--last")
    bank = ("--format", "iso20022", "--accounts", folder / "accounts.csv")
    out = ("--out", folder / "list.xml")
    return ("pay", "--programme", PROGRAMMES[0], "--batch", f"七月 {name}", *AT, *bank, *out)


def test_nothing_is_sent_that_no_bank_could_pay(terminal: Terminal, folder: Path) -> None:
    words, accounts = _owed(terminal, folder, "no-bank"), folder / "accounts.csv"
    before = _heads(terminal, folder)

    accounts.write_text("party,account,bank\ncity,1,102100099996\ncity,2 3,12\n")
    said = terminal.errs(*words)
    assert all(name in said for name in (":3:", "a second time", "12 digits", "34 letters"))
    accounts.write_text("party,account,bank\ncity,1,102100099996\n")
    assert "No account is known of 91" in terminal.errs(*words)
    assert "缺少" in terminal.errs("--language", "zh", *words)

    assert _heads(terminal, folder) == before
    assert not (folder / "list.xml").exists()


def test_a_bank_is_asked_and_its_statement_booked(terminal: Terminal, folder: Path) -> None:
    words, answer = _owed(terminal, folder, "bank"), folder / "back.xml"
    names = ("city", "province", PAYEE)
    rows = "".join(f"{name},{n},102100099996\n" for n, name in enumerate(names))
    (folder / "accounts.csv").write_text(f"party,account,bank\n{rows}")

    terminal.does(*words)

    text = (folder / "list.xml").read_text("utf-8")
    sent = re.findall(r"<EndToEndId>(.*?)<.*?CNY\">(.*?)<", text, re.DOTALL)
    assert len(sent) == 2
    block = re.findall(r"<PmtInfId>(.*?)<", text)[0]
    answer.write_text(STATEMENT.format(TOGETHER.format(block)))
    assert "are booked together, and none is named" in terminal.errs("confirm", answer)
    rent = ENTRY.format("RENT-7", "5.00")
    answer.write_text(STATEMENT.format(rent + ENTRY.format(*sent[0])))
    assert "Not answered yet: payment 七月 bank-000" in terminal.does("confirm", answer)
    after = _heads(terminal, folder)
    assert "尚无回单" in terminal.does("--language", "zh", "confirm", answer)
    assert _heads(terminal, folder) == after, "the same file twice is once"
    answer.write_text(STATEMENT.format("".join(ENTRY.format(*one) for one in sent)))
    assert "Not answered" not in terminal.does("confirm", answer)
    answer.write_text(STATEMENT.format(ENTRY.format(sent[0][0], "0.01")))
    assert "金额为0.01元" in terminal.errs("--language", "zh", "confirm", answer)
    assert terminal.does("books", "verify") == ""


def test_a_statement_is_written_in_both_forms_and_languages(
    terminal: Terminal, folder: Path
) -> None:
    _owed(terminal, folder, "statement")
    words = ("books", "statement", "--provider", PAYEE, "--month", "2026-05", "--out")
    table, english, chinese = (folder / name for name in ("s.csv", "en.pdf", "zh.pdf"))

    assert "2026-05 is in" in terminal.does(*words, table)
    terminal.does(*words, english)
    assert "期末应付" in terminal.does("--language", "zh", *words, chinese)

    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert "capture" in {row["event"] for row in rows}
    assert english.read_bytes()[:5] == chinese.read_bytes()[:5] == b"%PDF-"
    assert english.read_bytes() != chinese.read_bytes()
    assert "no month" in terminal.errs(*words[:5], "2026-13", "--out", table)
    assert "neither .csv nor .pdf" in terminal.errs(*words, folder / "s.xls")
    assert "no provider 'X'" in terminal.errs(*words[:3], "X", *words[4:], table)
    assert "不是月份" in terminal.errs("--language", "zh", *words[:5], "May", "--out", table)


def test_a_demonstration_leaves_other_data_alone(terminal: Terminal, folder: Path) -> None:
    before = _heads(terminal, folder)

    said = terminal.fails("demo", "--jobs", 1, "--out", folder / "out")

    assert "not a demonstration's" in said
    assert not (folder / "out").exists()
    assert _heads(terminal, folder) == before


@pytest.mark.parametrize("name", ["my job", "a:b", "x" * 65, "甲", ""])
def test_a_name_that_cannot_stand_in_the_books_is_refused_before_anything_happens(
    terminal: Terminal, name: str
) -> None:
    said = terminal.errs("run", EXAMPLES / "training-step.yaml", "--id", name)

    assert "cannot stand in the books" in said
