"""Two books on one site never take each other's jobs for their own."""

from tallygrid.core.key import key_of
from tallygrid.database import Server
from tallygrid.service.install import install, wipe


def installation(server: Server) -> str:
    with server.connect("auditor") as connection:
        row = connection.execute(
            "SELECT value #>> '{}' FROM service.setting WHERE name = 'installation'"
        ).fetchone()
        assert row is not None
        return str(row[0])


def test_books_that_begin_anew_name_their_jobs_anew(fresh_server: Server) -> None:
    """A site keeps what it ran; a run begun anew must not find the last one's results."""
    install(fresh_server)
    before = installation(fresh_server)

    wipe(fresh_server)
    install(fresh_server)

    assert key_of("job", installation(fresh_server), "J-1") != key_of("job", before, "J-1")
