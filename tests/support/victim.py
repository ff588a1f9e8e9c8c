"""The bot's process as an attacker sees it: with a secret in its environment and its memory.

It prints the secret's address, and ends when its standard input closes.
"""

import ctypes
import os
import sys

from bot import kernel
from tests.support.attacks import SECRET

_PR_SET_DUMPABLE = 4


def main() -> None:
    user, privacy = sys.argv[1:]
    memory = ctypes.create_string_buffer(SECRET)
    if user:
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))
    if privacy == "private":
        kernel.keep_memory_private()
    elif user:
        kernel.call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)  # lost by the change of user
    print(ctypes.addressof(memory), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
