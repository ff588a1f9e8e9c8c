"""The bot's process, as far as an attacker is concerned: it has a secret in its environment and in its memory.

It prints the address of the secret, and ends with its standard input.
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
        kernel.call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)  # which a change of user has taken away
    print(ctypes.addressof(memory), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
