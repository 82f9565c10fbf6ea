"""What the small web server gives to everybody: two published files, nothing else of a home."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from terminal import Terminal

from tallygrid.cli.api import Api
from tallygrid.cli.common import Desk
from tallygrid.cli.serve import Handler
from tallygrid.files.keys import signing_key
from tallygrid.settings import from_machine


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    home, directory = tmp_path / "home", tmp_path / "out"
    directory.mkdir()
    signing_key(home, at=datetime(2026, 3, 1, tzinfo=UTC))
    api = Api(Desk(replace(from_machine(), home=home)))
    handler = partial(Handler, "report.en.html", home / "heads", api, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _get(address: str, path: str) -> bytes:
    with urllib.request.urlopen(address + path) as answer:  # noqa: S310  # our own server
        read: bytes = answer.read()
    return read


def test_the_published_keys_are_served(address: str, tmp_path: Path) -> None:
    published = (tmp_path / "home" / "heads" / "keys.jsonl").read_bytes()

    assert _get(address, "/heads/keys.jsonl") == published


@pytest.mark.parametrize(
    "path",
    ["/heads/heads.jsonl", "/heads/../keys/private.pem", "/keys/private.pem", "/heads/", "/"],
)
def test_nothing_else_of_the_home_is_served(address: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as told:
        _get(address, path)
    told.value.close()


def test_where_there_is_nothing_to_serve_it_says_so(tmp_path: Path) -> None:
    told = Terminal(tmp_path / "home").fails("serve", "--directory", tmp_path)

    assert "tallygrid demo" in told
