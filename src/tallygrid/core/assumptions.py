"""Assumptions: readings chosen for what the published texts leave open, and for what purpose."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from tallygrid.core.programme import Name, Scalar, Texts, _Part


class Assumptions(_Part):
    """A file of chosen readings, named on everything that is made under them.

    `because` says for a programme why its readings were chosen.
    """

    id: Name
    name: Texts
    reason: Texts
    fills: dict[Name, dict[Name, Scalar]] = Field(default_factory=dict)
    because: dict[Name, Texts] = Field(default_factory=dict)

    def of(self, programme: str) -> Mapping[str, Scalar]:
        """Return the readings chosen for a programme."""
        return self.fills.get(programme, {})

    @classmethod
    def for_one(cls, programme: str, fills: Mapping[str, Scalar]) -> Self:
        """Return readings chosen on the spot for one programme."""
        on_the_spot = Texts(en="Chosen on the spot.", zh="当场选定。")
        return cls(id="on-the-spot", name=on_the_spot, reason=on_the_spot,
                   fills={programme: dict(fills)})  # fmt: skip
