"""A finding: one rule held against one case, with what it saw and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tallygrid.core.programme import Cited, Confidence, Scalar

Status = Literal["passed", "failed", "unknown"]
RuleKind = Literal[
    "in_force", "window", "condition", "exclusion", "claim", "higher", "purchase",
    "amount", "nothing",
]  # fmt: skip


@dataclass(frozen=True)
class Citation:
    """Where a rule stands."""

    clause: str
    sources: tuple[str, ...]
    confidence: Confidence

    @classmethod
    def of(cls, part: Cited) -> "Citation":
        """Return the citation of a part of a programme."""
        return cls(part.clause, part.sources, part.confidence)


@dataclass(frozen=True)
class Finding:
    """One rule: passed, failed, or not decidable for a missing fact or an open question."""

    id: str
    kind: RuleKind
    status: Status
    citation: Citation
    en: str = ""
    zh: str = ""
    saw: Mapping[str, Scalar | None] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
