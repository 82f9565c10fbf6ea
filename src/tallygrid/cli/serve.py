"""`tallygrid serve`: the last report, the published heads, and to whom shows a token, its rows."""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_WR
from threading import BoundedSemaphore
from typing import Any, Final
from urllib.parse import urlsplit

import click

from tallygrid.cli.api import ROOT, Api
from tallygrid.cli.applications import BYTES_MAX, taken_on
from tallygrid.cli.common import REFUSED, Desk
from tallygrid.cli.reply import Reply
from tallygrid.files.heads import HEADS_FILE
from tallygrid.files.keys import KEYS_FILE, published_folder
from tallygrid.text import render

_CALLERS_MAX: Final = 128
"""So many are answered at a time: twice as many as can wait with an application."""
_FULL: Final = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_FINISHED_MAX: Final = 65_536
"""So much of a body that nobody wanted may still arrive."""
_PATIENCE_S: Final = 5
"""How long whoever applies waits for a database that is away, before it is told to come back."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--directory",
    default=Path("out/demo"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
)
@click.option(
    "--applications", is_flag=True, help="Let applicants apply, on what they say of themselves."
)
@click.pass_obj
def serve(desk: Desk, *, host: str, port: int, directory: Path, applications: bool) -> None:
    """Serve the last report, the signed heads, and under /api the rows of a token's bearer."""
    first = directory / f"report.{desk.language}.html"
    heads = published_folder(desk.settings.home)
    if not (first.exists() or heads.exists()):
        click.echo(render("cli.no_report", desk.language, directory=directory), err=True)
        sys.exit(REFUSED)
    with ExitStack() as stack:
        taken = None
        if applications:
            office = stack.enter_context(desk.office(patience_s=_PATIENCE_S))
            taken = stack.enter_context(taken_on(office, desk.language))
        api = Api(desk, taken)
        stack.callback(api.close)
        handler = partial(Handler, first.name, heads, api, directory=str(directory))
        _serve(desk, (host, port), directory, handler)


def _serve(
    desk: Desk,
    address: tuple[str, int],
    directory: Path,
    handler: Callable[..., SimpleHTTPRequestHandler],
) -> None:
    """Answer until Ctrl-C."""
    with Server(address, handler) as server:
        words = render(
            "cli.serving",
            desk.language,
            directory=directory,
            host=address[0],
            port=server.server_address[1],
        )
        click.echo(words, err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class Server(ThreadingHTTPServer):
    """Answers so many callers at a time, each in a thread; whoever comes then is told so."""

    def __init__(self, *args: Any, most: int = _CALLERS_MAX) -> None:  # noqa: ANN401  # its base's
        self._room = BoundedSemaphore(most)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # its base's
        """Begin a thread, if there is room for one more."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.sendall(_FULL)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # its base's
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


class Handler(SimpleHTTPRequestHandler):
    """Serves one folder, whose root is the report, the published heads, and a bearer's rows."""

    timeout = 10
    """How many seconds a caller may be silent in the middle of what it sends."""

    def __init__(self, first: str, heads: Path, api: Api, *args: object, **options: object) -> None:
        self._first = first
        self._heads = {f"/heads/{name}": heads / name for name in (HEADS_FILE, KEYS_FILE)}
        self._api = api
        super().__init__(*args, **options)  # type: ignore[arg-type]  # http.server's own arguments

    def do_GET(self) -> None:
        """Answer a request; the root answers with the report."""
        path = urlsplit(self.path).path
        if path == ROOT or path.startswith(f"{ROOT}/"):
            self._answer()
            return
        if self.path == "/":
            self.path = f"/{self._first}"
        super().do_GET()

    def do_POST(self) -> None:
        """Take on what is sent under /api; of whoever may send nothing, nothing is taken."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BYTES_MAX:
            self.close_connection = True
            self._say(self._api.too_long())
            return
        body: list[bytes] = []

        def read() -> bytes:
            body.append(self.rfile.read(int(length)))
            return body[0]

        self._say(self._api.post(self.path, self.headers["Authorization"], read))
        if not body:
            self._let_finish(int(length))

    def translate_path(self, path: str) -> str:
        """Return the file of a path."""
        published = self._heads.get(path)
        return str(published) if published else super().translate_path(path)

    def _let_finish(self, length: int) -> None:
        """Let whoever is still sending a short body find the answer, not a broken connection."""
        with suppress(OSError):
            self.connection.shutdown(SHUT_WR)
            self.rfile.read(min(length, _FINISHED_MAX))

    def _answer(self) -> None:
        self._say(self._api.reply(self.path, self.headers["Authorization"]))

    def _say(self, reply: Reply) -> None:
        body = json.dumps(reply.document, ensure_ascii=False).encode()
        is_found = reply.status == HTTPStatus.OK
        self.send_response(reply.status)
        self.send_header("Content-Type", f"application/{'json' if is_found else 'problem+json'}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
