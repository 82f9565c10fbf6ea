"""Shell scripts with `#SBATCH` lines, read as Slurm's `sbatch` reads them.

Only lines before the first command count. Options of ours stand beside them, one a line:
`#TALLYGRID latency_ms_max: 40`. The options are those of https://slurm.schedmd.com/sbatch.html.
"""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from tallygrid.core.workload import Script
from tallygrid.files import document as documents
from tallygrid.files.asking import HOURS_MAX, Asking, Names, contradictions, unknown_in_block
from tallygrid.files.document import FileError, Mistake
from tallygrid.files.nearest import nearest, unknown_models
from tallygrid.files.task import Accelerators, Task

_SHORT: Final[Mapping[str, str]] = {
    "J": "job-name",
    "N": "nodes",
    "G": "gpus",
    "t": "time",
    "n": "ntasks",
    "c": "cpus-per-task",
    "p": "partition",
    "o": "output",
    "e": "error",
    "A": "account",
    "q": "qos",
    "C": "constraint",
    "D": "chdir",
    "a": "array",
}
_READ: Final = frozenset(["job-name", "nodes", "gres", "gpus", "gpus-per-node", "time"])
_REFUSED: Final[Mapping[str, str]] = {
    "array": "One file is one job: write a file for each.",
    "gpus-per-task": "Say it per node instead, with --gpus-per-node.",
    "gpus-per-socket": "Say it per node instead, with --gpus-per-node.",
    "dependency": "Jobs here do not wait for each other: submit this one when it may start.",
}
_UNUSED: Final = frozenset(
    [
        "account",
        "begin",
        "chdir",
        "comment",
        "constraint",
        "cpus-per-gpu",
        "cpus-per-task",
        "deadline",
        "error",
        "export",
        "input",
        "licenses",
        "mail-type",
        "mail-user",
        "mem",
        "mem-per-cpu",
        "mem-per-gpu",
        "nice",
        "nodelist",
        "exclude",
        "ntasks",
        "ntasks-per-node",
        "ntasks-per-gpu",
        "open-mode",
        "output",
        "parsable",
        "partition",
        "priority",
        "qos",
        "reservation",
        "signal",
        "threads-per-core",
        "tmp",
        "wait-all-nodes",
        "gpu-bind",
        "gpu-freq",
        "distribution",
    ]
)
_FLAGS: Final = frozenset(
    ["exclusive", "requeue", "no-requeue", "hold", "overcommit", "contiguous", "wait"]
)
_SHELLS: Final = re.compile(r"#!\s*(?:/usr/bin/env\s+)?(?:/\S*/)?(?:ba)?sh(?:\s.*)?")
_OWN: Final = "#TALLYGRID"
_GPUS: Final = re.compile(r"(?:(?P<model>[^\s:]+):)?(?P<cards>[0-9]{1,9})")
_TIME: Final = re.compile(
    r"(?:(?P<days>[0-9]{1,9})-(?P<day_hours>[0-9]{1,9})(?::(?P<day_minutes>[0-9]{1,9}))?(?::(?P<day_seconds>[0-9]{1,9}))?"
    r"|(?P<hours>[0-9]{1,9}):(?P<hour_minutes>[0-9]{1,9}):(?P<hour_seconds>[0-9]{1,9})"
    r"|(?P<minutes>[0-9]{1,9})(?::(?P<seconds>[0-9]{1,9}))?)"
)


@dataclass
class _Option:
    """One option, as it stands on its line."""

    name: str
    value: str
    line: int


@dataclass
class _Reading:
    """A script as far as it has been read, with everything wrong so far."""

    file: str
    options: dict[str, _Option] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    """Our own lines, and an empty one for every other, so that line numbers stay right."""

    def wrong(self, line: int, problem: str, remedy: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(self.file, line, 1, problem, remedy))

    def value(self, name: str) -> str:
        """Return what an option says, or nothing."""
        return self.options[name].value if name in self.options else ""


def read_script(text: str, models: Collection[str], names: Names, *, file: str) -> Task:
    """Read a task from a shell script; see `files.workload.read_workload`.

    Raises:
        FileError: With every mistake in it.
    """
    reading = _Reading(file)
    _read_lines(reading, text)
    nodes = _nodes(reading)
    accelerators = _accelerators(reading, nodes, models)
    hours = _hours(reading)
    asking = _asking(reading, names, has_cards=_asks_for_cards(reading))
    if accelerators and "time" not in reading.options:
        reading.wrong(1, "No time limit is given.", "Add `#SBATCH --time=HOURS:MINUTES:SECONDS`.")
    if reading.mistakes or asking is None:
        raise FileError(reading.mistakes)
    return Task(
        name=reading.value("job-name") or "workload",
        nodes=nodes,
        accelerators=accelerators,
        script=Script(run=text),
        asking=asking.model_copy(update={"hours": hours}),
        unused=tuple(reading.unused),
    )


def _read_lines(reading: _Reading, text: str) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.strip()
        if number == 1 and written.startswith("#!") and not _SHELLS.fullmatch(written):
            reading.wrong(1, f"`{written}` is no shell.", "Begin the script with `#!/bin/bash`.")
        if written.startswith(_OWN):
            reading.own.append(written.removeprefix(_OWN).strip())
            continue
        reading.own.append("")
        if written.startswith("#SBATCH"):
            _read_options(reading, written.removeprefix("#SBATCH"), number)
        elif written and not written.startswith("#"):
            break
    if "\0" in text:
        reading.wrong(1, "The script holds a NUL character.", "Remove it.")


def _read_options(reading: _Reading, written: str, line: int) -> None:
    try:
        words = shlex.split(written, comments=True)
    except ValueError as error:
        reading.wrong(line, f"`{written.strip()}` cannot be read: {error}.", "Mend the quotes.")
        return
    while words:
        name, value = _split(words.pop(0))
        if value is None and name not in _FLAGS:
            value = words.pop(0) if words and not words[0].startswith("-") else ""
        _take(reading, _Option(name, value or "", line))


def _split(word: str) -> tuple[str, str | None]:
    """Return an option's long name and its value, if they are one word."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        return name, value if equals else None
    short = word[1:2]
    return _SHORT.get(short, word), word[2:] or None


def _take(reading: _Reading, option: _Option) -> None:
    name, line = option.name, option.line
    if name in _READ:
        if not option.value:
            reading.wrong(line, f"`--{name}` has no value.", f"Write `--{name}=…`.")
        # Slurm lets the last of several win; two that differ are more often a slip.
        before = reading.options.setdefault(name, option)
        if before.value != option.value:
            problem = f"`--{name}` is {option.value!r} here and {before.value!r} on line"
            reading.wrong(line, f"{problem} {before.line}.", "Keep one.")
    elif name in _REFUSED:
        reading.wrong(line, f"`--{name}` cannot be followed here.", _REFUSED[name])
    elif name in _UNUSED or name in _FLAGS:
        said = f"`--{name}` has no meaning here and was not used."
        reading.unused.append(f"{reading.file}:{line}: {said}")
    else:
        known = _READ | _UNUSED | _FLAGS
        reading.wrong(line, f"`{name}` is no option of sbatch.", nearest(name.lstrip("-"), known))


def _nodes(reading: _Reading) -> int:
    written = reading.value("nodes")
    if not written:
        return 1
    if not re.fullmatch(r"[0-9]{1,6}", written) or int(written) == 0:
        line = reading.options["nodes"].line
        reading.wrong(line, f"`--nodes` is {written!r}.", "Write one whole number, at least 1.")
        return 1
    return int(written)


def _accelerators(reading: _Reading, nodes: int, known: Collection[str]) -> Accelerators | None:
    """Return the cards per node; where they are said in several ways, these must agree."""
    said = [
        per_node
        for name in ("gres", "gpus-per-node", "gpus")
        if name in reading.options
        for per_node in _per_node(reading, reading.options[name], nodes)
    ]
    models = sorted({model for model, _, _ in said if model})
    counts = sorted({cards for _, cards, _ in said})
    if len(models) > 1 or len(counts) > 1:
        seen = " and ".join(f"{cards} × {model or 'any'} per node" for model, cards, _ in said)
        reading.wrong(said[-1][2], f"The lines ask for {seen}.", "Say the cards once.")
    for problem, remedy in unknown_models(models, known):
        reading.wrong(said[-1][2], problem, remedy)
    return Accelerators(tuple(models[:1]), counts[0]) if counts else None


def _asks_for_cards(reading: _Reading) -> bool:
    """Tell whether cards are meant, rightly written or not."""
    gres = re.split(r"[:,]", reading.value("gres"))
    return "gpu" in gres or bool({"gpus", "gpus-per-node"} & reading.options.keys())


def _per_node(reading: _Reading, option: _Option, nodes: int) -> Iterator[tuple[str, int, int]]:
    for item in option.value.split(","):
        name, colon, rest = item.partition(":")
        if option.name == "gres" and name != "gpu":
            said = f"`--gres={item}` has no meaning here and was not used."
            reading.unused.append(f"{reading.file}:{option.line}: {said}")
            continue
        written = (rest if colon else "1") if option.name == "gres" else item
        match = _GPUS.fullmatch(written)
        cards = int(match["cards"]) if match else 0
        if match is None or cards == 0:
            remedy = f"Write a number of cards, at least 1, as in `{_EXAMPLES[option.name]}`."
            reading.wrong(option.line, f"`--{option.name}` is {option.value!r}.", remedy)
        elif option.name == "gpus" and cards % nodes:
            problem = f"{cards} cards cannot be shared evenly by {nodes} nodes."
            reading.wrong(option.line, problem, "Say the cards of one node, with --gpus-per-node.")
        else:
            per_node = cards // nodes if option.name == "gpus" else cards
            yield match["model"] or "", per_node, option.line


_EXAMPLES: Final[Mapping[str, str]] = {
    "gres": "--gres=gpu:h100:8",
    "gpus": "--gpus=h100:8",
    "gpus-per-node": "--gpus-per-node=h100:8",
}


def _hours(reading: _Reading) -> Fraction | None:
    written = reading.value("time")
    if not written:
        return None
    hours = hours_of(written)
    if not hours or hours > HOURS_MAX:
        remedy = "Write minutes, H:M:S, or days-H:M:S, up to ten years: 30 days are `30-00:00:00`."
        reading.wrong(reading.options["time"].line, f"`--time` is {written!r}.", remedy)
    return hours


def hours_of(written: str) -> Fraction | None:
    """Read a time limit as Slurm writes it, or return None.

    >>> [str(hours_of(time)) for time in ("90", "90:30", "1:30:00", "30-0", "1-12:30")]
    ['3/2', '181/120', '3/2', '720', '73/2']
    """
    match = _TIME.fullmatch(written)
    if match is None:
        return None
    part = {name: int(digits or 0) for name, digits in match.groupdict().items()}
    hours = part["days"] * 24 + part["day_hours"] + part["hours"]
    minutes = part["day_minutes"] + part["hour_minutes"] + part["minutes"]
    seconds = part["day_seconds"] + part["hour_seconds"] + part["seconds"]
    return hours + Fraction(minutes, 60) + Fraction(seconds, 3600)


def _asking(reading: _Reading, names: Names, *, has_cards: bool) -> Asking | None:
    """Read our own lines as the block they would be in a task file."""
    try:
        written = "\n".join(reading.own)
        document = documents.parse(written if written.strip() else "{}", file=reading.file)
        reading.mistakes.extend(unknown_in_block(document, (), names))
        block = document.data if isinstance(document.data, dict) else {}
        if "hours" in block:
            line, _ = document.places["hours",]
            reading.wrong(line, "`hours` is said by `--time` in a script.", "Remove it.")
        for where, problem, remedy in contradictions(block, has_cards=has_cards, has_hours=False):
            reading.mistakes.append(document.mistake(where, problem, remedy))
        return document.parsed(Asking)
    except FileError as error:
        reading.mistakes.extend(error.mistakes)
        return None
