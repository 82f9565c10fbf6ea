"""Where a use case works: the books at hand, the catalogue, and the sites that run jobs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.books import Event, Outcome
from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Weights
from tallygrid.database.again import Sessions
from tallygrid.ledger.queue import PostingQueue
from tallygrid.sites.port import SitePort

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Office:
    """Everything a use case needs from outside; time and identity are its arguments."""

    sessions: Sessions
    catalogue: Catalogue
    site: SitePort
    weights: Weights = field(default_factory=Weights)
    """What the operator weighs in placements."""

    def transact(self, role: str, work: Callable[[Connection], _Found]) -> _Found:
        """Run work in one transaction as a role; if the server goes away, again when it is back."""
        return self.sessions.run(role, work)

    def post(self, role: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
        """Post events as a role, together with those of whoever posts at the same time.

        If the server goes away meanwhile they are posted again under their keys, so that the
        outcomes are those of one posting.

        Raises:
            OverloadError: Too many events wait for this programme's books.
        """
        return self._queue.post(role, programme, events)

    @cached_property
    def _queue(self) -> PostingQueue:
        return PostingQueue(
            lambda role, programme, events: self.transact(
                role, lambda connection: ledger.post(connection, programme=programme, events=events)
            )
        )
