"""The national standard of size classes, as the package ships it."""

from functools import cache
from importlib.resources import as_file, files

from tallygrid.core.sizes import SizeStandard
from tallygrid.files.cache import remembered
from tallygrid.files.document import read


@cache
def packaged_sizes() -> SizeStandard:
    """Return the standard that comes with the programmes."""
    folder = files("tallygrid").joinpath("programmes", "classes")
    with as_file(folder.joinpath("sme-2011.yaml")) as path:

        def made() -> str:
            return read(path).parsed(SizeStandard).model_dump_json()

        return SizeStandard.model_validate_json(remembered("sme-2011", [path], made))
