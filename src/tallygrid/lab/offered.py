"""What is on offer and how it is weighed: by the operator's files, or those of the package."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Weights
from tallygrid.files.catalogue import read_catalogue
from tallygrid.files.weights import read_weights


class Named(NamedTuple):
    """The files that the operator names; of the package where none is."""

    catalogue: Path | None = None
    weights: Path | None = None


PACKAGED: Final = Named()


@dataclass(frozen=True, eq=False)
class Offered:
    """A catalogue and the weights of a placement, as the service would use them."""

    catalogue: Catalogue
    weights: Weights
    hashes: Mapping[str, str]
    """Of both, so that results tell what they rest on."""


@cache
def offered(named: Named) -> Offered:
    """Read what is named.

    Raises:
        FileError: With every mistake in it.
    """
    catalogue, weights = read_catalogue(named.catalogue), read_weights(named.weights)
    hashes = {
        "catalogue": _of_folder(named.catalogue),
        "weights": _told(json.dumps(asdict(weights), sort_keys=True).encode()),
    }
    return Offered(catalogue, weights, hashes)


def _of_folder(folder: Path | None) -> str:
    found = folder or Path(str(files("tallygrid").joinpath("catalogue")))
    return _told(b"\0".join(file.read_bytes() for file in sorted(found.glob("*.yaml"))))


def _told(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"
