"""The creation of the data directory, which is complete or has not happened."""

import os
import shutil
from pathlib import Path
from typing import Final
from uuid import uuid4

from tallygrid.database.binaries import Binaries
from tallygrid.database.command import run_as
from tallygrid.database.error import DatabaseError
from tallygrid.database.identity import of_initdb
from tallygrid.database.place import Place
from tallygrid.database.voice import Voice

SUPERUSER: Final = "postgres"
_ARGUMENTS: Final = "--encoding=UTF8 --locale=C --auth=reject --data-checksums --no-instructions"


def create_data(place: Place, binaries: Binaries, voice: Voice) -> None:
    """Create the data beside their place and move them there in one step."""
    if place.data.exists():
        raise DatabaseError("not_our_data", directory=str(place.data))
    voice.say("creating", directory=str(place.data), version=binaries.version)
    for interrupted in place.base.glob("unborn-*"):
        shutil.rmtree(interrupted, ignore_errors=True)  # its initdb may still be dying
    unborn = place.base / f"unborn-{uuid4().hex}"
    unborn.mkdir(mode=0o700)
    _initdb(place, binaries, unborn)
    unborn.rename(place.data)
    _sync(place.base)


def _initdb(place: Place, binaries: Binaries, unborn: Path) -> None:
    creator = of_initdb(place.identity)
    creator.owns(unborn)
    target = ("-D", unborn, "-U", SUPERUSER)
    run_as(creator, binaries.bin / "initdb", *target, *_ARGUMENTS.split())
    for path in (unborn, *unborn.rglob("*")):
        place.identity.owns(path)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
