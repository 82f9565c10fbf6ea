"""Start an embedded server as a user without privileges; run by `test_identity.py` as root.

usage: as_plain_user.py UID HOME ROOTS_HOME
"""

import os
import sys
from pathlib import Path

from tallygrid.database import resolve
from tallygrid.settings import Settings
from tallygrid.text import catalogue


def main() -> None:
    uid, home, roots_home = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    # The interpreter may lie where only root can read: load everything while we are root.
    resolve(Settings(home=roots_home), print)
    catalogue()
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)

    server = resolve(Settings(home=home), print)
    with server.connect("web") as connection:
        print(connection.execute("SELECT current_user, 'answers'").fetchone())  # noqa: T201  # read by the test
    server.stop()


if __name__ == "__main__":
    main()
