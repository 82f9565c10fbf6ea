"""Files a clumsy or hostile hand wrote: every mistake at once, in sentences, nothing opened."""

import json
from pathlib import Path

import pytest
from terminal import AT, FACTS, Terminal

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", ":1:1: The file is empty."),
    "binary": (bytes(range(256)), "Byte 128 is not UTF-8. Save the file as UTF-8."),
    "another encoding": ("城市: 郑州\n".encode("gbk"), "is not UTF-8."),
    "a control character": (b"a: b\nc: \x07\n", ":2:4: The character U+0007 is not allowed."),
    "broken": (b"a: x\n  b: [1,\n", ":2:4: The YAML cannot be read"),
    "no JSON": (b"hello world", "This is not a set of facts."),
    "a list": (b"[1, 2]", "This is not a set of facts."),
    "two documents": (b"a: 1\n---\nb: 2\n", ":2:1: A second document begins here."),
    "a tag": (b'a: !!python/object/apply:os.system ["id"]\n', "is not known."),
    "a key that is a list": (b"? [a, b]\n: 1\n", "A key is not a plain word."),
    "a billion laughs": (LAUGHS.encode(), "more than 20000 values, aliases counted in full"),
    "an alias of itself": (b"a: &a [*a]\n", ":1:8: `*a` names nothing"),
    "nested lists": (b"[" * 20_000 + b"]" * 20_000, "nested more than 100 deep"),
    "nested objects": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested more than 100 deep"),
    "ten megabytes": (b"a: " + b"y" * 10_000_000, "longer than 1 MB"),
    "too many values": (b"[" + b"1," * 30_000 + b"]", "more than 20000 values"),
    "an immense number": (
        b'{"contract_yuan": "1e999999999"}',
        "Write yuan with at most two decimals",
    ),
    "an endless number": (b'{"contract_fen": ' + b"9" * 5_000 + b"}", "is not possible"),
}


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_a_sentence(terminal: Terminal, tmp_path: Path, name: str) -> None:
    content, told = HOSTILE[name]
    file = tmp_path / "facts.json"
    file.write_bytes(content)

    said = terminal.errs("match", "--facts", file)

    assert said.startswith(f"{file}:")
    assert told in said
    assert len(said) < 1_000


@pytest.mark.parametrize(
    ("path", "told"),
    [(".", "This is a directory."), ("none", "No such file."), ("/dev/zero", "longer than 1 MB")],
)
def test_what_is_no_file_is_a_sentence(terminal: Terminal, path: str, told: str) -> None:
    heads = ("books", "verify", "--heads")  # a folder of them is right, and files are long
    for words in (("match", "--facts"), ("quote",), ("confirm",), heads):
        if path == "none" or words[0] in {"match", "quote"} or (path, words[0]) == (".", "confirm"):
            assert told in terminal.errs(*words, path)


def test_json_is_read_as_others_write_it(terminal: Terminal, tmp_path: Path) -> None:
    """With a byte order mark, tabs, and escapes for what lies beyond U+FFFF."""
    file = tmp_path / "facts.json"
    facts = json.dumps({**json.loads(FACTS.read_text()), "purpose": "\U00020bb7"}, indent="\t")
    file.write_text("\ufeff" + facts, encoding="utf-8")

    assert "'\U00020bb7'" in terminal.errs("match", "--facts", file)


def test_all_mistakes_of_the_facts_are_told_at_once(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    written = {
        "sme_clas": "small",
        "spend_year_yuan": -5,
        "contract_fen": 1.5,
        "other_fiscal_yuan": "12.345",
        "founded_on": "2025-13-01",
        "credit_code": "91110000000000000X",
    }
    file.write_text(json.dumps(written, indent=1))

    said = terminal.errs("match", "--facts", file).splitlines()

    assert [line.split(":")[1] for line in said] == ["2", "3", "4", "5", "6", "7"]
    assert "There is no fact `sme_clas`. Did you mean `sme_class`?" in said[0]
    assert "fraction of a fen" in said[3]


PROGRAMME_MISTAKES = {
    "amount_yuan: 50000000": "amount_yuan: -5",
    "first_day: 2023-07-28": "first_day: 2023-07-28\n  last_day: 2020-01-01",
    "'university')": "'university'",
    "provider_pflops > 100": "provider_pflop > 100",
    "id: provider": "id: applicant-class",
}


def test_all_mistakes_of_a_programme_are_told_at_once(terminal: Terminal, tmp_path: Path) -> None:
    """A negative amount, dates out of order, a broken condition, an unknown fact, an id twice."""
    shipped = Path(__file__).parents[2] / "src/tallygrid/programmes/henan-compute-issued.yaml"
    text = shipped.read_text(encoding="utf-8")
    for right, wrong in PROGRAMME_MISTAKES.items():
        assert right in text
        text = text.replace(right, wrong, 1)
    file = tmp_path / shipped.name
    file.write_text(text, encoding="utf-8")

    checked = terminal.types("programme", "check", file)

    assert checked.exit_code == 2
    for told in (
        *(
            "`budget.amount_yuan` is -5",
            "`last_day` 2020-01-01",
            "cannot be read at `'university'`",
        ),
        *("Did you mean `provider_pflops`?", "`applicant-class` stands twice"),
    ):
        assert told in checked.stdout
    assert terminal.errs("decide", "--programme", file, "--facts", FACTS) == checked.stdout
    assert not terminal.home.exists()


WORKLOAD = """
nme: x
num_nodes: 0
resources: {accelerators: "H1000:0"}
tallygrid:
  hours: -1
  houres: 3
  facts: facts.json
  region: atlantis
  sites: [nowhere]
  origin: mars
  latency_ms_max: -4
  data_gb: -1
  order: {unit: parsec, quantity: 0, offer: none}
"""


@pytest.mark.parametrize("command", ["quote", "run"])
def test_all_mistakes_of_a_workload_are_told_at_once(
    terminal: Terminal, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "workload.yaml"
    file.write_text(WORKLOAD)

    said = terminal.errs(command, file)

    for name in (
        *("`nme`", "num_nodes", "accelerators", "hours`", "houres", "`atlantis`", "`nowhere`"),
        *("origin", "latency_ms_max", "data_gb", "order.unit", "order.quantity", "order.offer"),
    ):
        assert name in said
    assert not terminal.home.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "The file asks for nothing."),
        ("resources: {accelerators: H100:-8}\ntallygrid: {hours: 1}", "at least 1, as in H100:8"),
        ("resources: {accelerators: H100:8}", "`tallygrid.hours` is missing."),
        ("resources: {accelerators: H100:8}\ntallygrid: {hours: 1}", "names no facts"),
        (
            "resources: {accelerators: H100:8}\ntallygrid: {hours: 1, facts: none.json}",
            "none.json:1:1: No such file.",
        ),
        (
            "resources: {accelerators: H100:8}\ntallygrid: {hours: 100000000000, facts: x}",
            "at most 87660 hours",
        ),
        (
            "tallygrid: {order: {unit: million_tokens, quantity: 1000000000000}}",
            "Write at most 1000000",
        ),
        (
            "#!/bin/bash\n#SBATCH --gres=gpu:h100:8 --time=99999999999999999999",
            "`--time` is '99999999999999999999'.",
        ),
    ],
)
def test_a_workload_that_cannot_be_meant_is_a_sentence(
    terminal: Terminal, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "workload.yaml"
    file.write_text(text)

    assert told in terminal.errs("quote", file)
    assert not terminal.home.exists()


RECEIPTS = "payment,receipt,amount_yuan,paid\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1:1: The first line is ''. Write payment,receipt,amount_yuan,paid."),
        ("a,b\n", "The first line is 'a,b'."),
        (RECEIPTS, ":2:1: There is no receipt."),
        (RECEIPTS + "P-1,R-1,-5,yes\n", "`amount_yuan` is '-5'."),
        (RECEIPTS + "P-1,R-1,1.234,yes\n", "`amount_yuan` is '1.234'."),
        (RECEIPTS + "P-1,R-1,٥,yes\n", "`amount_yuan` is '٥'."),
        (RECEIPTS + f"P-1,R-1,{'9' * 5_000},yes\n", "`amount_yuan` is '999"),
        (RECEIPTS + "P-1,R-1,5,maybe\n", "`paid` is 'maybe'."),
        (RECEIPTS + "P-1,R-1\n", "`amount_yuan` is ''."),
        (RECEIPTS + "P-1,R-1,5,yes,more\n", "The row has more cells than there are columns."),
        (RECEIPTS + '"P-1,R-1,5,yes\n', "The row cannot be read"),
        (RECEIPTS + f"P-1,{'R' * 200_000},5,yes\n", "The row cannot be read"),
        (RECEIPTS + ",,5,yes\n", "`payment` is empty."),
    ],
)
def test_a_receipt_that_cannot_be_read_is_a_sentence(
    terminal: Terminal, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "receipts.csv"
    file.write_text(text, encoding="utf-8")

    assert told in terminal.errs("confirm", file)
    assert not terminal.home.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "There is no head."),
        ("junk\n", ":1:1: `the document` is 'junk'."),
        ('{"programme": "x"}\n{"batch": -1}\n', ":2:1: `hash` is missing."),
    ],
)
def test_heads_that_cannot_be_read_are_a_sentence(
    terminal: Terminal, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "heads.jsonl"
    file.write_text(text)

    assert told in terminal.errs("books", "verify", "--heads", file)
    assert not terminal.home.exists()


def test_all_malformed_rows_of_a_trace_are_told_at_once(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(
        "timestamp,duration,num_gpus,gpu_time,cluster\n"
        "x,1,1,1,a\n2017-10-09 07:01:55,-1,0,1,\n1,2\n"
    )

    said = terminal.errs("demo", "--trace", file)

    assert [line.split(":")[1] for line in said.splitlines()] == ["2", "3", "3", "3", "4"]
    assert not terminal.home.exists()


def test_the_same_file_is_quoted_when_it_is_right(terminal: Terminal) -> None:
    """What the tests above refuse is refused for its mistakes, not for being a file."""
    assert terminal.reads("match", "--facts", FACTS, *AT)
