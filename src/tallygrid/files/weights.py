"""The operator's weights: a YAML file that names those which differ from the defaults."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tallygrid.core.placement import Weights
from tallygrid.files.document import read

_DEFAULT = Weights()
_Weight = Annotated[int, Field(ge=0, le=10**9)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    energy_bp: _Weight = _DEFAULT.energy_bp
    carbon_fen_per_tonne: _Weight = _DEFAULT.carbon_fen_per_tonne
    latency_fen_per_ms_hour: _Weight = _DEFAULT.latency_fen_per_ms_hour
    wait_fen_per_card_hour: _Weight = _DEFAULT.wait_fen_per_card_hour
    pressure_fen_per_card_hour: _Weight = _DEFAULT.pressure_fen_per_card_hour
    shadow_bp: _Weight = _DEFAULT.shadow_bp


def read_weights(path: Path | None) -> Weights:
    """Read the weights of a file; the defaults if none is named.

    Raises:
        FileError: With every mistake in the file.
    """
    if path is None:
        return _DEFAULT
    return Weights(**read(path).parsed(_File).model_dump())
