"""A wish, the postings it leads to, and the answer it gets: values, and how rows keep them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any
from uuid import UUID

from tallygrid.core.books import Event


@dataclass(frozen=True)
class Wish:
    """What a caller wants, under a key of its own: the same key is the same wish."""

    key: UUID
    kind: str
    body: Mapping[str, Any]
    """Everything that is asked; a repetition that says anything else is a conflict."""


@dataclass(frozen=True)
class Posting:
    """Events for one programme's books, posted together by one role."""

    programme: str
    role: str
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Refused:
    """Why the books said no to one event of an intent."""

    programme: str
    code: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    final: bool = False
    """Whether holds had to be given back, so that the key is spent."""
    after: int = 0
    """How many postings of the intent stood before the one that was refused."""


@dataclass(frozen=True)
class Intent:
    """A wish, and the postings it leads to, worked out once."""

    wish: Wish
    postings: tuple[Posting, ...]
    refused: Refused | None = None
    """A refusal that was noted, while what was held before it may still have to be given back."""


@dataclass(frozen=True)
class Answer:
    """What became of an intent."""

    key: UUID
    attempt: int
    refused: Refused | None = None

    @property
    def accepted(self) -> bool:
        """Tell whether everything the intent asked for was posted."""
        return self.refused is None

    @property
    def final(self) -> bool:
        """Tell whether the same key can never get another answer."""
        return self.refused is None or self.refused.final


@dataclass(frozen=True)
class Step:
    """One event on its way into a programme's books, and the role that posts it."""

    programme: str
    role: str
    event: Event


def postings(
    steps: Sequence[Step], *, outbox: Mapping[str, Any] | None = None
) -> tuple[Posting, ...]:
    """Group steps into postings in their order; the last event carries what the rows learn.

    Neighbours of one programme and role go together, all or none of them.
    """
    if outbox is not None:
        last = steps[-1]
        steps = (*steps[:-1], replace(last, event=replace(last.event, outbox=outbox)))
    grouped = groupby(steps, key=lambda step: (step.programme, step.role))
    return tuple(
        Posting(programme, role, tuple(replace(step.event, chain=1) for step in together))
        for (programme, role), together in grouped
    )


def postings_json(postings: Sequence[Posting]) -> list[dict[str, Any]]:
    """Return postings as their intent's row keeps them."""
    return [
        {
            "programme": posting.programme,
            "role": posting.role,
            "events": [event.as_json() for event in posting.events],
        }
        for posting in postings
    ]


def postings_of(postings: Sequence[Mapping[str, Any]]) -> tuple[Posting, ...]:
    """Read back what `postings_json` returned."""
    return tuple(
        Posting(
            programme=posting["programme"],
            role=posting["role"],
            events=tuple(Event.from_json(event) for event in posting["events"]),
        )
        for posting in postings
    )


def outcome_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as its intent's row keeps it."""
    return {
        "attempt": answer.attempt,
        "refused": asdict(answer.refused) if answer.refused else None,
    }


def answer_of(key: UUID, outcome: Mapping[str, Any]) -> Answer:
    """Read back what `outcome_json` returned."""
    refused = outcome["refused"]
    return Answer(key, outcome["attempt"], Refused(**refused) if refused else None)
