"""The programmes that come with the package, checked once and kept; see `files.cache`."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tallygrid.core.condition import Node
from tallygrid.core.programme import Programme, Scalar
from tallygrid.core.rules import remember
from tallygrid.core.variants import readings_of


def as_text(programmes: Sequence[Programme]) -> str:
    """Write programmes, each with its conditions as they were read."""
    return json.dumps(
        [
            {
                "document": programme.model_dump_json(exclude_defaults=True),
                "conditions": [
                    [when, [[name, _plain(node)] for name, node in names], _plain(read)]
                    for (when, names), read in readings_of(programme).items()
                ],
            }
            for programme in programmes
        ]
    )


def from_text(text: str) -> tuple[Programme, ...]:
    """Read programmes that `as_text` wrote; their conditions need not be parsed again."""
    return tuple(_programme(plain) for plain in json.loads(text))


def _programme(plain: Mapping[str, Any]) -> Programme:
    programme = Programme.from_document(plain["document"])
    for when, names, read in plain["conditions"]:
        known = tuple((name, _node(node)) for name, node in names)
        remember(programme, when, known, _node(read))
    return programme


def _plain(node: Node) -> list[Any]:
    value = node.value
    written = {"day": value.isoformat()} if isinstance(value, date) else value
    return [node.op, node.kind, [_plain(arg) for arg in node.args], written]


def _node(plain: Sequence[Any]) -> Node:
    op, kind, args, written = plain
    value: Scalar | None = (
        date.fromisoformat(written["day"]) if isinstance(written, dict) else written
    )
    return Node(op, kind, tuple(_node(arg) for arg in args), value)


def sources(folder: Path) -> tuple[Path, ...]:
    """Return every file that the packaged programmes are made of."""
    return tuple(folder.glob("*.yaml"))
