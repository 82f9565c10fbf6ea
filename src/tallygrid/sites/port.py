"""What the service asks of a site, whatever scheduler stands behind it.

A caller commits its intent first, calls outside every transaction, and then records the
outcome. It may die at any point and begin again with the same key: nothing runs twice.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from tallygrid.core.job import JobOrder, Status, Usage
from tallygrid.text.error import SentenceError


@dataclass(frozen=True)
class Output:
    """What a job has written, as files on this machine."""

    folder: Path
    """The job's working directory; everything in it is its result."""
    stdout: Path
    stderr: Path


class SitePort(Protocol):
    """A place that runs jobs; `tests/contract/test_sites.py` is its full meaning."""

    @property
    def identity(self) -> str:
        """What this site is and no other: the same as long as it remembers its jobs."""
        ...

    def submit(self, order: JobOrder) -> Status:
        """Accept an order, or answer how it stands if its key was accepted before.

        An accepted order runs at most once, and runs whether or not the caller lives on.

        Raises:
            OrderConflictError: The key was accepted with other contents.
            SiteUnreachableError: Nothing is known; `find` the key before anything else.
        """
        ...

    def find(self, key: UUID) -> Status:
        """Report how a job stands.

        `unknown` is only said by a site that looked and is sure: after it, the order may be
        sent again. A site that cannot look raises.

        Raises:
            SiteUnreachableError: The site did not answer; the job may well be running.
        """
        ...

    def cancel(self, key: UUID) -> Status:
        """Ask that a job be stopped, with all its processes, and report how it stands now.

        A running job may take its grace period to end; poll `find`. A job that has ended, or
        was never accepted, is left as it is.
        """
        ...

    def output(self, key: UUID) -> Output | None:
        """Return what a job that ran has written so far, or None if it never ran."""
        ...

    def usage(self, key: UUID) -> Usage | None:
        """Return the measured record of a job that ran and ended; None bills nothing."""
        ...


class OrderConflictError(SentenceError):
    """A key names one order for ever."""

    def __init__(self, key: UUID) -> None:
        super().__init__("sites.conflict", key=key)


class SiteUnreachableError(SentenceError):
    """The site did not answer, so nothing is known about the job."""

    def __init__(self, site: str, log: str) -> None:
        super().__init__("sites.unreachable", site=site, log=log)
