"""Workload files are read as their users wrote them, and every mistake is told at once."""

from fractions import Fraction
from pathlib import Path

import pytest

from tallygrid.core.workload import Gang, Order
from tallygrid.files.document import FileError
from tallygrid.files.workload import WorkloadFile, read_workload

MODELS = ("H100", "A100-80G", "910B")
BLOCK = "tallygrid: {hours: 720}\n"


def reading(tmp_path: Path, text: str, name: str = "w.yaml") -> WorkloadFile:
    (tmp_path / name).write_text(text)
    return read_workload(tmp_path / name, models=MODELS)


def mistakes(tmp_path: Path, text: str, name: str = "w.yaml") -> list[str]:
    with pytest.raises(FileError) as caught:
        reading(tmp_path, text, name)
    return [
        f"{mistake.line}: {mistake.problem} {mistake.remedy}" for mistake in caught.value.mistakes
    ]


def test_a_task_file_says_all_that_a_quote_needs(tmp_path: Path) -> None:
    text = """\
name: pretrain
num_nodes: 8
resources:
  accelerators: H100:8
envs: {SIZE: 13b, DEPTH: 4, FAST: true}
setup: pip install x
run: |
  python train.py
tallygrid:
  hours: 719.5
  facts: firm.json
  programmes: [one, two]
  region: here
  data_gb: 1.5
  latency_ms_max: 40
  origin: domestic
  sites: there
"""

    file = reading(tmp_path, text)

    workload = file.workload
    assert workload.gang == Gang(("H100",), cards_per_node=8, nodes=8, hours=Fraction(1439, 2))
    assert workload.script is not None
    assert workload.script.environment == {"SIZE": "13b", "DEPTH": "4", "FAST": "true"}
    assert (workload.name, workload.kind) == ("pretrain", "compute")
    assert (workload.region, workload.data_gb) == ("here", Fraction(3, 2))
    assert (workload.latency_ms_max, workload.origin) == (40, "domestic")
    assert workload.sites == ("there",)
    assert file.facts == tmp_path / "firm.json"
    assert file.programmes == ("one", "two")


@pytest.mark.parametrize(
    ("written", "models", "cards"),
    [
        ("H100", ("H100",), 1),
        ("h100:8", ("H100",), 8),
        ("{H100: 8}", ("H100",), 8),
        ("[H100:8, a100-80g:8]", ("H100", "A100-80G"), 8),
        ("{H100: 2, 910B: 2}", ("H100", "910B"), 2),
    ],
)
def test_accelerators_are_read_in_every_form_skypilot_has(
    tmp_path: Path, written: str, models: tuple[str, ...], cards: int
) -> None:
    text = f"resources: {{accelerators: {written}}}\n{BLOCK}"
    if ":8" in written and not written.startswith(("{", "[")):
        text = f"resources:\n  accelerators: {written}\n{BLOCK}"

    gang = reading(tmp_path, text).workload.gang

    assert gang is not None
    assert (gang.models, gang.cards) == (models, cards)


def test_tokens_are_ordered_without_a_job(tmp_path: Path) -> None:
    text = "tallygrid: {order: {unit: million_tokens, quantity: 2.5, offer: chat}}\n"

    workload = reading(tmp_path, text).workload

    assert workload.order == Order("million_tokens", Fraction(5, 2), "chat")
    assert (workload.kind, workload.gang) == ("model", None)


def test_what_skypilot_knows_and_we_do_not_use_is_named(tmp_path: Path) -> None:
    text = f"resources:\n  accelerators: H100:8\n  cloud: aws\nworkdir: .\n{BLOCK}"

    unused = reading(tmp_path, text).unused

    assert [sentence.removeprefix(f"{tmp_path}/") for sentence in unused] == [
        "w.yaml:4: `workdir` has no meaning here and was not used.",
        "w.yaml:3: `resources.cloud` has no meaning here and was not used.",
    ]


def test_every_mistake_of_a_task_file_is_told_at_once(tmp_path: Path) -> None:
    text = """\
nam: x
num_nodes: 0
resources:
  accelerators: H100:-8
  accelarators: H100
  any_of: []
envs: {A: , 1B: 2}
run: 7
tallygrid:
  hours: 0
  latency: 3
  data_gb: -0.1
  origin: foreign
  order: {unit: server_week, quantty: 8}
"""

    told = mistakes(tmp_path, text)

    begins = [
        "1: `nam` is not known here. Did you mean `name`?",
        "2: `num_nodes` is 0.",
        "4: `resources.accelerators` is 'H100:-8'. Ask for a whole number of cards, at least 1",
        "5: `resources.accelarators` is not known here. Did you mean `accelerators`?",
        "6: `resources.any_of` is not read. List the models instead",
        "7: `envs.A` is None.",
        "7: A name in `envs` is '1B'.",
        "8: `run` is 7.",
        "10: `tallygrid.hours` is 0. Write a number above 0.",
        "11: `tallygrid.latency` is not known here. Did you mean `latency_ms_max`?",
        "12: `tallygrid.data_gb` is -0.1. Write 0 or more.",
        "13: `tallygrid.origin` is 'foreign'.",
        "14: `tallygrid.order.quantity` is missing.",
        "14: `tallygrid.order.unit` is 'server_week'.",
        "14: `tallygrid.order.quantty` is not known here. Did you mean `quantity`?",
    ]
    assert len(told) == len(begins)
    for sentence, begin in zip(told, begins, strict=True):
        assert sentence.startswith(begin)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: x\n", "1: The file asks for nothing. Name accelerators, or an `order`."),
        ("resources: {accelerators: H100}\n", "1: `tallygrid.hours` is missing. Add `hours:`"),
        (
            f"resources: {{accelerators: H1000}}\n{BLOCK}",
            "1: No site has the accelerator `H1000`. Did you mean `H100`?",
        ),
        (
            f"resources: {{accelerators: 8}}\n{BLOCK}",
            "1: `resources.accelerators` is 8. Name a model and a number of cards",
        ),
        (
            f"resources: {{accelerators: {{H100: 0.5}}}}\n{BLOCK}",
            "1: `resources.accelerators` is {'H100': 0.5}. Ask for a whole number of cards",
        ),
        (
            f"resources: {{accelerators: {{H100: 8, 910B: 4}}}}\n{BLOCK}",
            "1: `resources.accelerators` is {'H100': 8, '910B': 4}. Ask for the same number",
        ),
        (
            "tallygrid: {hours: 1, order: {unit: million_tokens, quantity: 1}}\n",
            "1: There are hours, but no accelerators to use them.",
        ),
        (
            """\
resources: {accelerators: H100}
tallygrid: {hours: 1, order: {unit: dataset_licence, quantity: 1}}
""",
            "2: Accelerators are not bought by `dataset_licence`.",
        ),
        (
            f'resources: {{accelerators: H100}}\nrun: "a\\0b"\n{BLOCK}',
            "2: `run` is 'a\\x00b'. Remove the NUL character",
        ),
        (
            "resources: {accelerators: H100}\ntallygrid: {hours: 0.1234567}\n",
            "2: `tallygrid.hours` is 0.1234567. Write at most 6 decimal places.",
        ),
        (
            "resources: {accelerators: H100}\ntallygrid: {hours: true}\n",
            "2: `tallygrid.hours` is True. Write a number",
        ),
        ("just words\n", "1: `the document` is 'just words'."),
    ],
)
def test_a_mistake_says_the_value_and_the_remedy(tmp_path: Path, text: str, told: str) -> None:
    assert any(sentence.startswith(told) for sentence in mistakes(tmp_path, text))


def test_a_script_says_by_sbatch_lines_what_a_task_file_says(tmp_path: Path) -> None:
    text = """\
#!/bin/bash
#SBATCH --job-name=pretrain -N 8
#SBATCH --gres=gpu:h100:8  # eight in each
#SBATCH -t 30-00:00:00
#SBATCH --mem=0 --exclusive
#TALLYGRID facts: firm.json
#TALLYGRID order: {unit: server_month, quantity: 8}
python train.py
#SBATCH --nodes=9
"""

    file = reading(tmp_path, text, "w.sh")

    workload = file.workload
    assert workload.name == "pretrain"
    assert workload.gang == Gang(("H100",), cards_per_node=8, nodes=8, hours=Fraction(720))
    assert workload.order == Order("server_month", Fraction(8))
    assert workload.script is not None
    assert workload.script.run == text
    assert file.facts == tmp_path / "firm.json"
    assert [sentence.partition(": ")[2] for sentence in file.unused] == [
        "`--mem` has no meaning here and was not used.",
        "`--exclusive` has no meaning here and was not used.",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        "--nodes=2 --gres=gpu:910b:8",
        "--nodes=2 --gres=gpu:910b:8,craynetwork:1",
        "--nodes 2 --gpus-per-node=910b:8",
        "-N2 -G 910b:16",
        "-N2 -G 16 --gpus-per-node=910b:8",
    ],
)
def test_cards_are_read_in_every_form_slurm_has(tmp_path: Path, lines: str) -> None:
    text = f"#!/bin/sh\n#SBATCH {lines}\n#SBATCH --time=60\n"

    gang = reading(tmp_path, text, "job").workload.gang

    assert gang == Gang(("910B",), cards_per_node=8, nodes=2, hours=Fraction(1))


def test_cards_of_no_model_may_be_of_any(tmp_path: Path) -> None:
    gang = reading(tmp_path, "#!/bin/sh\n#SBATCH --gres=gpu -t 60\n").workload.gang

    assert gang is not None
    assert (gang.models, gang.cards) == ((), 1)


def test_every_mistake_of_a_script_is_told_at_once(tmp_path: Path) -> None:
    text = """\
#!/usr/bin/python
#SBATCH --job-nam=x --nodes=2-4 --array=1-3
#SBATCH --gres=gpu:h100:-8
#SBATCH --time=1:2:3:4 "
#SBATCH --time=forever
#TALLYGRID latncy_ms_max: 40
#TALLYGRID hours: 3
"""

    told = mistakes(tmp_path, text, "w.sh")

    begins = [
        "1: `#!/usr/bin/python` is no shell.",
        "2: `--array` cannot be followed here. One file is one job",
        "2: `--nodes` is '2-4'. Write one whole number",
        "2: `job-nam` is no option of sbatch. Did you mean `job-name`?",
        "3: `--gres` is 'gpu:h100:-8'. Write a number of cards",
        '4: `--time=1:2:3:4 "` cannot be read',
        "5: `--time` is 'forever'. Write minutes",
        "6: `latncy_ms_max` is not known here. Did you mean `latency_ms_max`?",
        "7: `hours` is said by `--time` in a script.",
    ]
    assert len(told) == len(begins)
    for sentence, begin in zip(told, begins, strict=True):
        assert sentence.startswith(begin)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("--gres=gpu:8", "1: No time limit is given."),
        ("--gres=gpu:8 --time=0", "2: `--time` is '0'."),
        ("-N 2 --gpus=15 -t 60", "2: 15 cards cannot be shared evenly by 2 nodes."),
        ("--gres=gpu:8 --gpus=4 -t 60", "2: The lines ask for 8 × any per node and 4 × any"),
        ("--gres=gpu:8 -t 60 -t 90", "2: `--time` is '90' here and '60' on line 2."),
        ("--gres=gpu:8 --time", "2: `--time` has no value."),
        ("--gres=gpu:v900:8 -t 60", "2: No site has the accelerator `v900`."),
        ("--time=60", "1: The file asks for nothing."),
    ],
)
def test_a_slip_in_a_script_is_told_with_its_line(tmp_path: Path, lines: str, told: str) -> None:
    text = f"#!/bin/bash\n#SBATCH {lines}\ntrue\n"

    assert any(sentence.startswith(told) for sentence in mistakes(tmp_path, text))


def test_a_file_that_is_not_there_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read_workload(tmp_path / "none.yaml")


def test_without_a_table_of_models_every_name_is_taken_as_written(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(f"resources: {{accelerators: Later}}\n{BLOCK}")

    gang = read_workload(tmp_path / "w.yaml").workload.gang

    assert gang is not None
    assert gang.models == ("Later",)
