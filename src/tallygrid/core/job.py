"""A job: what a site is asked to run, the states it passes through, and what it used.

A job's life, as a site reports it::

    unknown → queued → running → done | failed | timed_out | cancelled | lost

`unknown` means that the site has no such key, so the order may be sent again under it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Final, Self
from uuid import UUID


class JobState(StrEnum):
    """Where a job stands, by its site's own report."""

    UNKNOWN = "unknown"
    """The site has never accepted this key."""
    QUEUED = "queued"
    """Accepted, and waiting for its turn."""
    RUNNING = "running"
    """Its processes hold the cards."""
    DONE = "done"
    """Ended by itself, with exit code 0."""
    FAILED = "failed"
    """Ended by itself, with another exit code."""
    TIMED_OUT = "timed_out"
    """Stopped at its time limit."""
    CANCELLED = "cancelled"
    """Stopped, or never started, because it was asked to."""
    LOST = "lost"
    """The meter died before it wrote a record: nothing is known, so nothing is billed."""

    @property
    def ended(self) -> bool:
        """Tell whether nothing more will be reported.

        >>> [state.value for state in JobState if not state.ended]
        ['unknown', 'queued', 'running']
        """
        return not _NEXT[self]

    def may_become(self, other: Self) -> bool:
        """Tell whether a later report may say `other`; a site that goes backwards is wrong.

        >>> JobState.QUEUED.may_become(JobState.DONE)
        True
        >>> JobState.DONE.may_become(JobState.RUNNING)
        False
        """
        return other is self or other in _NEXT[self]


_ENDS: Final = frozenset(
    {
        JobState.DONE,
        JobState.FAILED,
        JobState.TIMED_OUT,
        JobState.CANCELLED,
        JobState.LOST,
    }
)
_NEXT: Final[Mapping[JobState, frozenset[JobState]]] = MappingProxyType(
    # Reports are polls, so a state may be passed through unseen.
    {
        JobState.UNKNOWN: frozenset({JobState.QUEUED, JobState.RUNNING}) | _ENDS,
        JobState.QUEUED: frozenset({JobState.RUNNING}) | _ENDS,
        JobState.RUNNING: _ENDS,
        **dict.fromkeys(_ENDS, frozenset[JobState]()),
    }
)


@dataclass(frozen=True)
class JobOrder:
    """What a site is asked to run, once, under one key.

    >>> order = JobOrder(UUID(int=7), site="a", cards=8, command=("true",), time_limit_s=60)
    >>> JobOrder.from_json(order.as_json()) == order
    True
    """

    key: UUID
    """Names this attempt; the same key is never run twice."""
    site: str
    """The site of the catalogue that placement chose; it is billed under this name."""
    cards: int
    command: tuple[str, ...]
    """The program and its arguments, started without a shell of ours."""
    time_limit_s: int
    environment: Mapping[str, str] = field(default_factory=dict)
    """All the job sees beside a plain `PATH`, `HOME` and `LANG`: nothing is inherited."""
    attempt: int = 1

    def __post_init__(self) -> None:
        assert self.cards > 0, self
        assert self.time_limit_s > 0, self
        assert self.attempt > 0, self
        assert self.command, self
        texts = (*self.command, *self.environment, *self.environment.values())
        assert not any("\0" in text for text in texts), "an argument cannot hold a NUL"

    def as_json(self) -> dict[str, object]:
        """Return the order as plain data, the same data for an equal order."""
        return {
            "key": str(self.key),
            "site": self.site,
            "cards": self.cards,
            "command": list(self.command),
            "time_limit_s": self.time_limit_s,
            "environment": dict(sorted(self.environment.items())),
            "attempt": self.attempt,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Read back what `as_json` returned."""
        plain = _Plain(data)
        environment = data["environment"]
        assert isinstance(environment, Mapping), data
        return cls(
            key=UUID(plain.text("key")),
            site=plain.text("site"),
            cards=plain.whole("cards"),
            command=plain.texts("command"),
            time_limit_s=plain.whole("time_limit_s"),
            environment={str(name): str(value) for name, value in environment.items()},
            attempt=plain.whole("attempt"),
        )


@dataclass(frozen=True)
class Usage:
    """What a job used, measured where it ran, by a clock that cannot be set back.

    >>> begun = datetime.fromisoformat("2026-03-01T00:00:00+00:00")
    >>> usage = Usage(UUID(int=7), site="a", cards=8, started_at=begun, wall_ms=1_500,
    ...     cpu_ms=1_400, exit_code=0, output_sha256="00", attempt=1)
    >>> usage.card_ms, usage.ended_at.isoformat(timespec="milliseconds")
    (12000, '2026-03-01T00:00:01.500+00:00')
    >>> Usage.from_json(usage.as_json()) == usage
    True
    """

    key: UUID
    site: str
    cards: int
    started_at: datetime
    wall_ms: int
    """From start to the end of the job's last process; the odd microseconds are not billed."""
    cpu_ms: int
    """Processor time of the job's processes: information, never billed."""
    exit_code: int
    """As the program gave it; minus the signal's number if a signal ended it."""
    output_sha256: str
    """Names everything in the output folder; see `sites/wrapper.py`."""
    attempt: int

    def __post_init__(self) -> None:
        assert self.started_at.tzinfo is not None, "usage is dated in UTC"
        assert self.cards > 0, self
        assert self.wall_ms >= 0, self

    @property
    def ended_at(self) -> datetime:
        """Return the end by the start and the measured duration: one clock reading, not two."""
        return self.started_at + timedelta(milliseconds=self.wall_ms)

    @property
    def card_ms(self) -> int:
        """Return what is billed: every card asked for, for as long as the job held it."""
        return self.cards * self.wall_ms

    @property
    def evidence_sha256(self) -> str:
        """Return the hash that names this record in the books."""
        canonical = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return sha256(canonical.encode()).hexdigest()

    def as_json(self) -> dict[str, object]:
        """Return the record as plain data; what can be worked out is written out for readers."""
        return {
            "key": str(self.key),
            "site": self.site,
            "cards": self.cards,
            "started_at": self.started_at.isoformat(timespec="milliseconds"),
            "ended_at": self.ended_at.isoformat(timespec="milliseconds"),
            "wall_ms": self.wall_ms,
            "card_ms": self.card_ms,
            "cpu_ms": self.cpu_ms,
            "exit_code": self.exit_code,
            "output_sha256": self.output_sha256,
            "attempt": self.attempt,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Read back what `as_json` returned."""
        plain = _Plain(data)
        return cls(
            key=UUID(plain.text("key")),
            site=plain.text("site"),
            cards=plain.whole("cards"),
            started_at=datetime.fromisoformat(plain.text("started_at")),
            wall_ms=plain.whole("wall_ms"),
            cpu_ms=plain.whole("cpu_ms"),
            exit_code=plain.whole("exit_code"),
            output_sha256=plain.text("output_sha256"),
            attempt=plain.whole("attempt"),
        )


@dataclass(frozen=True)
class Status:
    """A site's report on one key."""

    state: JobState
    usage: Usage | None = None
    """Present once a job that ran has ended and was measured; without it nothing is billed."""

    def __post_init__(self) -> None:
        measured = {JobState.DONE, JobState.FAILED, JobState.TIMED_OUT}
        unmeasured = {JobState.UNKNOWN, JobState.QUEUED, JobState.RUNNING, JobState.LOST}
        assert self.usage is not None or self.state not in measured, self
        assert self.usage is None or self.state not in unmeasured, self


@dataclass(frozen=True)
class _Plain:
    """Plain data whose types we wrote ourselves and check on reading."""

    data: Mapping[str, object]

    def text(self, name: str) -> str:
        value = self.data[name]
        assert isinstance(value, str), (name, value)
        return value

    def whole(self, name: str) -> int:
        value = self.data[name]
        assert isinstance(value, int), (name, value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.data[name]
        assert isinstance(value, list), (name, value)
        return tuple(str(item) for item in value)
