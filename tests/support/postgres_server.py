"""The throw-away PostgreSQL that tests run on (`bot/sandbox/postgres.py`), and whether there is one."""

import sys

from bot.sandbox.postgres import NoServer, PostgresServer, binaries, running_server

__all__ = ["NoServer", "PostgresServer", "binaries", "running_server"]


def main() -> int:
    """Whether there is a server to test on, as an exit status."""
    try:
        print(f"tests: PostgreSQL found in {binaries()}")
    except NoServer as error:
        print(f"tests: {error}; the tests ran on SQLite alone")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
