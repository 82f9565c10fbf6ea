"""Workload files: SkyPilot task files, and shell scripts with `#SBATCH` lines.

Both are read as their users wrote them. What we need and they cannot say stands in a block
of our own: `tallygrid:` in a task file, `#TALLYGRID key: value` lines in a script::

    name: pretrain                      #!/bin/bash
    num_nodes: 8                        #SBATCH --job-name=pretrain --nodes=8
    resources:                          #SBATCH --gres=gpu:h100:8
      accelerators: H100:8              #SBATCH --time=30-00:00:00
    run: python train.py                #TALLYGRID facts: firm.json
    tallygrid:                          #TALLYGRID latency_ms_max: 40
      hours: 720                        python train.py
      facts: firm.json
      latency_ms_max: 40
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallygrid.core.workload import Gang, Workload
from tallygrid.files import document, sbatch, task
from tallygrid.files.asking import Names, kind_of


@dataclass(frozen=True)
class WorkloadFile:
    """A workload as its file gives it, and what else the file says about asking for it."""

    workload: Workload
    facts: Path | None
    """The applicant's facts; a relative name counts from the workload file's folder."""
    programmes: tuple[str, ...]
    """The programmes to be quoted with; none named means all that fit."""
    unused: tuple[str, ...]
    """A sentence for each setting that was read and has no meaning here."""


def read_workload(
    path: Path, *, models: Collection[str] = (), names: Names | None = None
) -> WorkloadFile:
    """Read a workload from a task file or a shell script.

    Args:
        path: The file; it is a script if its name says so or it begins with `#!`.
        models: The accelerator models that are known; other names are mistakes, and a name
            in another case is put right. None given accepts every name.
        names: What may be named in the `tallygrid:` block: by key, such as `region`.

    Raises:
        FileError: With every mistake in the file.
    """
    text = document.read_text(path)
    if path.suffix in _SCRIPT_SUFFIXES or text.startswith("#!"):
        read = sbatch.read_script(text, models, names or {}, file=str(path))
    else:
        read = task.read_task(document.parse(text, file=str(path)), models, names or {})
    return WorkloadFile(
        workload=_workload(read, {model.casefold(): model for model in models}),
        facts=path.parent / read.asking.facts if read.asking.facts else None,
        programmes=read.asking.programmes,
        unused=read.unused,
    )


_SCRIPT_SUFFIXES: Final = frozenset({".sh", ".sbatch", ".slurm"})


def _workload(read: task.Task, spelled: Mapping[str, str]) -> Workload:
    asking = read.asking
    return Workload(
        name=read.name,
        kind=kind_of(asking),
        gang=_gang(read, spelled),
        order=asking.order.parsed() if asking.order else None,
        script=read.script,
        region=asking.region,
        data_gb=asking.data_gb,
        latency_ms_max=asking.latency_ms_max,
        origin=asking.origin,
        sites=asking.sites,
        certified=asking.certified,
    )


def _gang(read: task.Task, spelled: Mapping[str, str]) -> Gang | None:
    if read.accelerators is None or read.asking.hours is None:
        return None
    return Gang(
        models=tuple(spelled.get(name.casefold(), name) for name in read.accelerators.models),
        cards_per_node=read.accelerators.cards,
        nodes=read.nodes,
        hours=read.asking.hours,
    )
