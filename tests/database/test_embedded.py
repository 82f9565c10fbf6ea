"""The embedded server is found running, or started, whatever happened to it before."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from patience import PATIENCE_S, until

from tallygrid.database import DatabaseError, Server, locate, resolve
from tallygrid.database.embedded import Embedded, at_home
from tallygrid.database.process import is_alive, residents
from tallygrid.database.voice import Voice
from tallygrid.settings import Settings

Kill = Callable[[Server], None]
STARTER = """
import sys
from pathlib import Path
from tallygrid.database import resolve
from tallygrid.settings import Settings
resolve(Settings(home=Path(sys.argv[1])), print)
"""


def test_every_acknowledged_row_survives_the_killing_of_the_server(
    server_home: Path, kill: Kill
) -> None:
    server = resolve(Settings(home=server_home), print)
    _create_table(server)
    acknowledged: list[int] = []
    writer = threading.Thread(target=_write_until_lost, args=(server, acknowledged))

    writer.start()
    until(lambda: len(acknowledged) > 50)
    kill(server)
    writer.join()
    again = resolve(Settings(home=server_home), print)

    with again.connect("migrator") as connection:
        found = {number for (number,) in connection.execute("SELECT number FROM thing")}
    # One more than was acknowledged may be there: its answer got lost, not its commit.
    assert found - set(acknowledged) <= {len(acknowledged)}
    assert set(acknowledged) <= found


def test_a_killed_server_is_not_taken_for_a_ready_one(own_home: Path, kill: Kill) -> None:
    embedded = _embedded(resolve(Settings(home=own_home), print))

    kill(locate(Settings(home=own_home), print))

    assert not embedded.answers()
    assert embedded.postmaster() is None


def test_a_server_that_is_slow_to_answer_is_waited_for_aloud(own_home: Path) -> None:
    """Recovery can take minutes; a frozen server stands for one that recovers."""
    pid = _embedded(resolve(Settings(home=own_home), print)).postmaster()
    assert pid is not None
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        if "recovering" in sentence:
            os.kill(pid, signal.SIGCONT)

    guard = threading.Timer(PATIENCE_S, os.kill, [pid, signal.SIGCONT])
    guard.start()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: ") T " in Path(f"/proc/{pid}/stat").read_text())
    server = resolve(Settings(home=own_home), tell)
    guard.cancel()

    assert _embedded(server).answers()
    assert any("recovering" in sentence for sentence in told)


def test_a_backend_that_outlives_its_postmaster_is_ended_first(own_home: Path, kill: Kill) -> None:
    """A busy backend does not notice that its postmaster died, and holds its memory."""
    server = resolve(Settings(home=own_home), print)
    told: list[str] = []

    with _busy_backend(server) as backend:
        kill(server)
        until(lambda: residents(_embedded(server).place.data) == {backend})
        again = resolve(Settings(home=own_home), told.append)

    assert any("left 1 of its processes" in sentence for sentence in told)
    assert _embedded(again).answers()


@pytest.mark.parametrize("whose", ["a stranger's", "a zombie's"])
def test_a_pid_file_that_names_another_process_does_no_harm(own_home: Path, whose: str) -> None:
    server = resolve(Settings(home=own_home), print)
    server.stop()
    with _zombie() as zombie:
        pid = zombie if whose == "a zombie's" else os.getpid()
        pid_file = _embedded(server).place.data / "postmaster.pid"
        pid_file.write_text(f"{pid}\n{pid_file.parent}\n1\n5432\n\n\n1 1\nready   \n")

        again = resolve(Settings(home=own_home), print)

    assert _embedded(again).answers()
    assert _embedded(again).postmaster() != pid


def test_a_server_whose_socket_was_tidied_away_is_started_anew(own_home: Path) -> None:
    server = resolve(Settings(home=own_home), print)
    before = _embedded(server).postmaster()
    _embedded(server).place.socket_file.unlink()

    again = resolve(Settings(home=own_home), print)

    assert _embedded(again).postmaster() not in {None, before}


def test_two_starters_at_once_get_one_server_that_outlives_them(server_home: Path) -> None:
    long_home = server_home / "deep" / ("long" * 30)
    command = [sys.executable, "-c", STARTER, str(long_home)]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]

    told = [starter.communicate(timeout=PATIENCE_S)[0] for starter in starters]
    embedded = at_home(long_home, Voice(print))
    answers = embedded.answers()
    embedded.stop()
    embedded.place.socket.rmdir()

    assert [starter.returncode for starter in starters] == [0, 0]
    assert sum(b"Creating" in each for each in told) == 1
    assert answers


def test_an_interrupted_creation_is_done_again(server_home: Path) -> None:
    never_born = "import signal, pathlib; pathlib.Path.rename = lambda *_: signal.pause()"
    starter = subprocess.Popen(
        [sys.executable, "-c", f"{never_born}\n{STARTER}", str(server_home)],
        start_new_session=True,
    )
    until(lambda: any(server_home.glob("unborn-*/global")))
    os.killpg(starter.pid, signal.SIGKILL)
    starter.wait()
    until(lambda: not _live_members(starter.pid))
    assert not (server_home / "postgres").exists()

    server = resolve(Settings(home=server_home), print)

    assert _embedded(server).answers()
    assert not list(server_home.glob("unborn-*"))


def test_a_server_that_is_stopped_while_it_gets_over_a_crash_ends(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallygrid.database.embedded._FAST_STOP_S", 1)
    server = resolve(Settings(home=own_home), print)
    with server.connect("web") as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        log = _embedded(server).place.log
        until(lambda: "reinitializing" in log.read_text(encoding="utf-8"))

    server.stop()

    assert _embedded(server).postmaster() is None
    assert _embedded(resolve(Settings(home=own_home), print)).answers()


def test_the_server_listens_on_no_network(own_home: Path) -> None:
    embedded = _embedded(resolve(Settings(home=own_home), print))
    ours = {
        link
        for pid in residents(embedded.place.data)
        for link in _links(Path(f"/proc/{pid}/fd"))
        if link.startswith("socket:")
    }

    network = {
        f"socket:[{line.split()[9]}]"
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
    }

    assert ours
    assert not ours & network


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_may_forget_is_refused(own_home: Path, setting: str) -> None:
    server = resolve(Settings(home=own_home), print)
    with server.administer() as administrator:
        administrator.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        administrator.execute("SELECT pg_reload_conf()")

        until(lambda: administrator.execute(f"SHOW {setting}".encode()).fetchone() == ("off",))
        with pytest.raises(DatabaseError, match=f"{setting} = off"):
            resolve(Settings(home=own_home), print)

        administrator.execute(f"ALTER SYSTEM RESET {setting}".encode())
        administrator.execute("SELECT pg_reload_conf()")
        until(lambda: administrator.execute(f"SHOW {setting}".encode()).fetchone() == ("on",))


def test_a_role_that_may_forget_is_refused(fresh_server: Server) -> None:
    with fresh_server.administer() as administrator:
        name = f'"{fresh_server.database}"'
        administrator.execute(
            f"ALTER ROLE tallygrid_payer IN DATABASE {name} SET synchronous_commit = off".encode()
        )

    with pytest.raises(DatabaseError, match="synchronous_commit = off"):
        fresh_server.connect("payer")


def test_a_connection_is_in_utc_and_never_times_out(fresh_server: Server) -> None:
    with fresh_server.connect("worker") as connection:
        query = "SELECT current_setting('TimeZone'), current_setting('statement_timeout')"

        assert connection.execute(query).fetchone() == ("UTC", "0")


def test_data_of_a_version_that_is_not_here_are_not_touched(server_home: Path) -> None:
    embedded = at_home(server_home, Voice(print))
    embedded.place.data.mkdir(parents=True)
    (embedded.place.data / "PG_VERSION").write_text("9\n")

    with pytest.raises(DatabaseError, match="made by PostgreSQL 9"):
        embedded.start()


def test_a_directory_that_is_not_ours_is_left_alone(server_home: Path) -> None:
    embedded = at_home(server_home, Voice(print))
    embedded.place.data.mkdir(parents=True)
    (embedded.place.data / "diary.txt").write_text("private")

    with pytest.raises(DatabaseError, match="holds no PostgreSQL data"):
        embedded.start()

    assert (embedded.place.data / "diary.txt").read_text() == "private"


def test_a_server_that_cannot_start_says_why(server_home: Path) -> None:
    embedded = at_home(server_home, Voice(print))
    embedded.start()
    embedded.stop()
    (embedded.place.data / "global" / "pg_control").unlink()

    with pytest.raises(DatabaseError, match="pg_control"):
        embedded.start()


@pytest.mark.soak
def test_no_acknowledged_row_is_lost_in_many_killings(server_home: Path, kill: Kill) -> None:
    for _ in range(20):
        with suppress(psycopg.Error), resolve(Settings(home=server_home), print).administer() as it:
            it.execute("DROP TABLE IF EXISTS thing")
        test_every_acknowledged_row_survives_the_killing_of_the_server(server_home, kill)


def _embedded(server: Server) -> Embedded:
    assert isinstance(server.source, Embedded)
    return server.source


def _create_table(server: Server) -> None:
    with server.connect("migrator") as connection:
        connection.execute("DROP TABLE IF EXISTS thing")
        connection.execute("CREATE TABLE thing (number int PRIMARY KEY)")


def _write_until_lost(server: Server, acknowledged: list[int]) -> None:
    with suppress(psycopg.OperationalError), server.connect("migrator") as connection:
        while True:
            connection.execute("INSERT INTO thing VALUES (%s)", [len(acknowledged)])
            connection.commit()
            acknowledged.append(len(acknowledged))


@contextmanager
def _busy_backend(server: Server) -> Iterator[int]:
    """Keep one backend busy with arithmetic, so that it waits for nothing and notices nothing."""
    connection = server.connect("worker")
    backend = connection.info.backend_pid

    def work() -> None:
        with suppress(psycopg.OperationalError), connection:
            connection.execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")

    thread = threading.Thread(target=work)
    thread.start()
    with server.administer() as administrator:
        query = "SELECT FROM pg_stat_activity WHERE pid = %s AND query LIKE 'DO%%'"
        until(lambda: administrator.execute(query, [backend]).fetchone() is not None)
    yield backend
    thread.join()


@contextmanager
def _zombie() -> Iterator[int]:
    child = subprocess.Popen(["true"])
    until(lambda: not is_alive(child.pid))
    yield child.pid
    child.wait()


def _live_members(group: int) -> list[int]:
    """Return who of a group of processes is still there: `initdb` has children of its own."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(ValueError, ProcessLookupError):
            if os.getpgid(int(entry.name)) == group and is_alive(int(entry.name)):
                found.append(int(entry.name))
    return found


def _links(directory: Path) -> list[str]:
    """Where each entry points; a process or a file that is gone by now points nowhere."""
    links = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for entry in directory.iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                links.append(os.readlink(entry))  # noqa: PTH115  # "socket:[1]" is no path
    return links
