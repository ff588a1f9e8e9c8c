"""An audio process that never answers."""

import time


def main(_: bytes) -> None:
    time.sleep(60)
