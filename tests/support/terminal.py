"""A terminal at which tests type commands, in a home of their own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tallygrid.cli import tallygrid

EXAMPLES = Path(__file__).parents[2] / "examples"
FACTS = EXAMPLES / "start-up.json"
AT = ("--at", "2026-05-20")


@dataclass(frozen=True)
class Terminal:
    """A terminal, and the home in which its commands work."""

    home: Path
    database_url: str = ""

    def types(self, *words: object) -> Result:
        """Run one command; nothing it meets may end in a traceback."""
        environment = {
            "TALLYGRID_HOME": str(self.home),
            "TALLYGRID_DATABASE_URL": self.database_url,
            "TALLYGRID_LANGUAGE": "en",
        }
        result = CliRunner(env=environment).invoke(tallygrid, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise AssertionError(words) from result.exception
        return result

    def does(self, *words: object) -> str:
        """Run a command that succeeds, and return what it writes."""
        result = self.types(*words)
        assert result.exit_code == 0, (words, result.output)
        return result.stdout

    def reads(self, *words: object) -> Any:  # noqa: ANN401  # JSON
        """Run a command that writes one JSON document, and return that."""
        return json.loads(self.does(*words, "--json"))

    def errs(self, *words: object) -> str:
        """Run a command with wrong input, and return what it is told; nothing else is written."""
        return self._fails(2, words)

    def fails(self, *words: object) -> str:
        """Run a command that is refused, and return what it is told."""
        return self._fails(1, words)

    def _fails(self, code: int, words: tuple[object, ...]) -> str:
        result = self.types(*words)
        assert result.exit_code == code, (words, result.output)
        assert "Traceback" not in result.output
        return result.stderr
