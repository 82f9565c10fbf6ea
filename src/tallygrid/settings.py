"""What a user may set from outside, read once at the edge.

| variable | meaning | default |
| --- | --- | --- |
| `TALLYGRID_DATABASE_URL` | a PostgreSQL server of your own, 15 to 18 | the embedded server |
| `TALLYGRID_HOME` | where the embedded server and the local site keep their files | below |
| `TALLYGRID_LANGUAGE` | `en` or `zh` | from `LANG`, else `en` |
| `TALLYGRID_CATALOGUE` | a folder with a catalogue of your own | the packaged one |
| `TALLYGRID_WEIGHTS` | a YAML file with what the operator weighs in placements | the defaults |

What can be made again, such as the packaged programmes once checked, is kept in
`$XDG_CACHE_HOME/tallygrid`, else `~/.cache/tallygrid`; it may be removed at any time.

The home is outside every repository: `$XDG_STATE_HOME/tallygrid`, else
`~/.local/state/tallygrid`; for root `/var/lib/tallygrid`, since the server runs as an
ordinary user that cannot enter root's own home.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)


@dataclass(frozen=True)
class Settings:
    """The settings of one run."""

    home: Path
    database_url: str | None = None
    language: Language = "en"
    catalogue: Path | None = None
    weights: Path | None = None


def read(environment: Mapping[str, str], *, is_root: bool) -> Settings:
    """Read the settings from an environment.

    >>> read({"TALLYGRID_HOME": "/srv/t", "LANG": "zh_CN.UTF-8"}, is_root=False).language
    'zh'
    """
    return Settings(
        home=_home(environment, is_root=is_root),
        database_url=environment.get("TALLYGRID_DATABASE_URL") or None,
        language=_language(environment),
        catalogue=_path(environment, "TALLYGRID_CATALOGUE"),
        weights=_path(environment, "TALLYGRID_WEIGHTS"),
    )


def from_machine() -> Settings:
    """Read the settings from this process's environment."""
    return read(os.environ, is_root=os.geteuid() == 0)


def cache_home(environment: Mapping[str, str]) -> Path | None:
    """Return where to keep what can be made again; nothing if the user has no place for it.

    >>> cache_home({"XDG_CACHE_HOME": "/home/x/.cache"})
    PosixPath('/home/x/.cache/tallygrid')
    """
    if (chosen := environment.get("XDG_CACHE_HOME", "")).startswith("/"):
        return Path(chosen) / "tallygrid"
    home = environment.get("HOME", "")
    return Path(home) / ".cache" / "tallygrid" if home.startswith("/") else None


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(named) if (named := environment.get(name)) else None


def _home(environment: Mapping[str, str], *, is_root: bool) -> Path:
    if chosen := environment.get("TALLYGRID_HOME"):
        return Path(chosen)
    if is_root:
        return Path("/var/lib/tallygrid")
    if state := environment.get("XDG_STATE_HOME"):
        return Path(state) / "tallygrid"
    return Path(environment.get("HOME", "/nonexistent")) / ".local" / "state" / "tallygrid"


def _language(environment: Mapping[str, str]) -> Language:
    wish = environment.get("TALLYGRID_LANGUAGE") or environment.get("LANG", "")
    return "zh" if wish.lower().startswith("zh") else "en"
