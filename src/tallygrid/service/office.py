"""Where a use case works: the books at hand, the catalogue, and the sites that run jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from psycopg import Connection

from tallygrid.core.catalogue import Catalogue
from tallygrid.database.again import Sessions
from tallygrid.sites.port import SitePort

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Office:
    """Everything a use case needs from outside; time and identity are its arguments."""

    sessions: Sessions
    catalogue: Catalogue
    site: SitePort

    def transact(self, role: str, work: Callable[[Connection], _Found]) -> _Found:
        """Run work in one transaction as a role; if the server goes away, again when it is back."""
        return self.sessions.run(role, work)
