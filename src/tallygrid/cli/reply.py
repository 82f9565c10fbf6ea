"""What is answered over HTTP: a JSON document; a refusal is a problem document (RFC 9457)."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its JSON document, and headers of its own."""

    status: HTTPStatus
    document: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: HTTPStatus, said: str, headers: dict[str, str] | None = None) -> Reply:
    """Return a refusal with its sentence."""
    document = {"title": status.phrase, "status": status.value, "detail": said}
    return Reply(status, document, headers or {})
