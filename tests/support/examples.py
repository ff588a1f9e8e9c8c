"""How many examples a property is tried with: a few in every run, many more in `make test-deep`."""

import os

DEEP = "ENCORE_TEST_DEEP"
"""Set in the environment of a deep run."""
TIMES = 20


def examples(number: int) -> int:
    return number * TIMES if os.environ.get(DEEP) else number
