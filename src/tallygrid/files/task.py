"""SkyPilot task files: `resources`, `num_nodes`, `setup`, `run` and `envs`, as SkyPilot has them.

What SkyPilot knows and we have no use for is passed over and named; what neither knows is a
mistake. The fields are those of https://docs.skypilot.co/en/latest/reference/yaml-spec.html.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tallygrid.core.workload import Script
from tallygrid.files.asking import Asking, Names, contradictions, unknown_in_block
from tallygrid.files.document import Document, FileError, Mistake
from tallygrid.files.nearest import unknown_keys, unknown_models

_NODES_MAX: Final = 1_000_000
_UNUSED: Final = frozenset(
    [
        "workdir",
        "secrets",
        "volumes",
        "file_mounts",
        "config",
        "service",
        "experimental",
        "event_callback",
        "pool",
        "priority",
    ]
)
_UNUSED_RESOURCES: Final = frozenset(
    [
        "infra",
        "cloud",
        "region",
        "zone",
        "cpus",
        "memory",
        "instance_type",
        "use_spot",
        "spot_recovery",
        "job_recovery",
        "disk_size",
        "disk_tier",
        "local_disk",
        "network_tier",
        "ports",
        "image_id",
        "labels",
        "accelerator_args",
        "autostop",
        "max_hourly_cost",
        "priority",
        "priority_class",
        "volumes",
        "hooks",
    ]
)
_ALTERNATIVES: Final = ("any_of", "ordered")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ACCELERATOR: Final = re.compile(r"(?P<model>[^\s:]+)\s*(?::\s*(?P<cards>\S+))?")


@dataclass(frozen=True)
class Accelerators:
    """So many cards per node, of one of these models; none named means any."""

    models: tuple[str, ...]
    cards: int


@dataclass(frozen=True)
class Task:
    """A task file, or a script that says the same."""

    name: str
    nodes: int
    accelerators: Accelerators | None
    script: Script | None
    asking: Asking
    unused: tuple[str, ...]


def read_task(document: Document, models: Collection[str], names: Names) -> Task:
    """Read a task from a YAML document; see `files.workload.read_workload`.

    Raises:
        FileError: With every mistake in it.
    """
    mistakes = [*_unknown(document, names), *_meaning(document, models)]
    try:
        task = document.parsed(_TaskIn)
    except FileError as error:
        raise FileError([*mistakes, *error.mistakes]) from None
    if mistakes:
        raise FileError(mistakes)
    script = Script(task.run, task.setup, task.envs) if task.run else None
    return Task(
        name=task.name,
        nodes=task.num_nodes,
        accelerators=task.resources.accelerators,
        script=script,
        asking=task.tallygrid,
        unused=tuple(_unused(document)),
    )


def _accelerators(value: object) -> Accelerators:
    """Read `H100`, `H100:8`, `{H100: 8}`, or several of them that differ in the model only."""
    alternatives = list(_alternatives(value))
    counts = {cards for _, cards in alternatives}
    if not alternatives:
        raise ValueError("Name a model and a number of cards, as in H100:8")
    if len(counts) > 1:
        raise ValueError("Ask for the same number of cards of each model")
    return Accelerators(tuple(model for model, _ in alternatives), counts.pop())


def _alternatives(value: object) -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        for model, cards in value.items():
            yield str(model), _cards(cards)
    elif isinstance(value, list):
        for item in value:
            yield from _alternatives(item)
    elif isinstance(value, str) and (match := _ACCELERATOR.fullmatch(value.strip())):
        yield match["model"], _cards(match["cards"] or 1)
    else:
        raise ValueError("Name a model and a number of cards, as in H100:8")


def _cards(value: object) -> int:
    written = str(value)
    if not written.isascii() or not written.isdigit() or int(written) == 0:
        raise ValueError("Ask for a whole number of cards, at least 1, as in H100:8")
    return int(written)


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("Name a variable by letters, digits and _, as in `MODEL_SIZE`")
    return name


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or not isinstance(value, str | int | float | date):
        raise ValueError("Write a text; put it in quotes if need be")
    return _text(str(value))


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("Remove the NUL character: no program can be given one")
    return value


def _block(value: object) -> object:
    return {} if value is None else value


_Text = Annotated[str, AfterValidator(_text)]
_Environment = dict[
    Annotated[str, AfterValidator(_variable)], Annotated[str, BeforeValidator(_value)]
]


class _ResourcesIn(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, arbitrary_types_allowed=True)

    accelerators: Annotated[Accelerators | None, BeforeValidator(_accelerators)] = None


class _TaskIn(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    name: str = "workload"
    num_nodes: int = Field(default=1, ge=1, le=_NODES_MAX)
    resources: Annotated[_ResourcesIn, BeforeValidator(_block)] = _ResourcesIn()
    envs: _Environment = {}
    setup: _Text = ""
    run: _Text = ""
    tallygrid: Annotated[Asking, BeforeValidator(_block)] = Asking()


def _unknown(document: Document, names: Names) -> Iterable[Mistake]:
    yield from unknown_keys(document, (), {*_TaskIn.model_fields, *_UNUSED})
    known = {*_ResourcesIn.model_fields, *_UNUSED_RESOURCES, *_ALTERNATIVES}
    yield from unknown_keys(document, ("resources",), known)
    yield from unknown_in_block(document, ("tallygrid",), names)
    for name in _ALTERNATIVES:
        if name in _mapping(_mapping(document.data).get("resources")):
            yield document.mistake(
                ("resources", name),
                f"`resources.{name}` is not read.",
                "List the models instead, as in `accelerators: [H100:8, A100:8]`.",
            )


def _meaning(document: Document, models: Collection[str]) -> Iterable[Mistake]:
    """Yield what is written properly and cannot be meant."""
    top = _mapping(document.data)
    wanted = _mapping(top.get("resources")).get("accelerators")
    block = _mapping(top.get("tallygrid"))
    has_cards, has_hours = wanted is not None, "hours" in block
    for where, problem, remedy in contradictions(block, has_cards=has_cards, has_hours=has_hours):
        yield document.mistake(("tallygrid", *where), problem, remedy)
    if has_cards and not has_hours:
        remedy = "Add `hours:` to the `tallygrid:` block: how long the cards are needed."
        yield document.mistake(("tallygrid",), "`tallygrid.hours` is missing.", remedy)
    with suppress(ValueError):  # told by the model
        named = _accelerators(wanted).models if has_cards else ()
        for problem, remedy in unknown_models(named, models):
            yield document.mistake(("resources", "accelerators"), problem, remedy)


def _unused(document: Document) -> Iterator[str]:
    for where, known in (((), _UNUSED), (("resources",), _UNUSED_RESOURCES)):
        found = _mapping(document.data)
        for step in where:
            found = _mapping(found.get(step))
        for key in found:
            if key in known:
                line, _ = document.places[(*where, key)]
                name = ".".join((*where, key))
                yield f"{document.file}:{line}: `{name}` has no meaning here and was not used."


def _mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401  # loose data
    return value if isinstance(value, dict) else {}
