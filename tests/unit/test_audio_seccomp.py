"""The system call filter, run here like in the kernel, for both architectures on any machine."""

import re
from functools import cache
from pathlib import Path

import pytest

from bot.audio.seccomp import (
    ALLOW,
    ALLOWED,
    ARCHITECTURES,
    AT_ARCHITECTURE,
    AT_NUMBER,
    AT_SECOND_ARGUMENT,
    FCNTL_COMMANDS,
    JUMP_IF_EQUAL,
    KILL_PROCESS,
    LOAD,
    REFUSE,
    RETURN,
    program,
)

MACHINES = list(ARCHITECTURES)
filter_for = cache(program)
X32_BIT = 0x4000_0000
I386 = 0x4000_0003
F_SETOWN, F_SETSIG = 8, 10

# The kernel headers that have the numbers, and the prefix of their names.
HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+) (\d+)"),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+) (\d+)"),
}
DANGEROUS = {
    # name: on x86_64, on aarch64
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "socket": (41, 198),
    "connect": (42, 203),
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "prlimit64": (302, 261),
    "prctl": (157, 167),
    "ioctl": (16, 29),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "memfd_create": (319, 279),
    "setsid": (112, 157),
    "sendmsg": (46, 211),
}


def verdict(machine: str, number: int, *, architecture: int | None = None, second_argument: int = 0) -> int:
    """The filter's verdict on a system call: `struct seccomp_data` goes in, the operand of a `RETURN` comes out."""
    data = {
        AT_NUMBER: number,
        AT_ARCHITECTURE: ARCHITECTURES[machine] if architecture is None else architecture,
        AT_SECOND_ARGUMENT: second_argument,
    }
    steps, at, accumulator = filter_for(machine), 0, 0
    while True:
        step = steps[at]
        at += 1
        match step.code:
            case code if code == LOAD:
                accumulator = data[step.operand]
            case code if code == JUMP_IF_EQUAL:
                at += step.if_true if accumulator == step.operand else step.if_false
            case code if code == RETURN:
                return step.operand
            case code:
                raise AssertionError(code)


@pytest.mark.parametrize("machine", MACHINES)
def test_only_what_decoding_needs_is_allowed(machine: str) -> None:
    column = MACHINES.index(machine)

    allowed = {number for number in range(1000) if verdict(machine, number) == ALLOW}

    assert allowed == {numbers[column] for numbers in ALLOWED.values()}
    assert all(verdict(machine, number) == REFUSE for number in range(1000) if number not in allowed)


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_that_reach_outside_the_process_are_refused(machine: str) -> None:
    column = MACHINES.index(machine)
    numbers = {name: both[column] for name, both in DANGEROUS.items()}

    found = {name: verdict(machine, number) for name, number in numbers.items() if number is not None}

    assert found == dict.fromkeys(found, REFUSE)


@pytest.mark.parametrize("machine", MACHINES)
def test_fcntl_may_read_flags_and_duplicate_but_not_request_signals(machine: str) -> None:
    fcntl = ALLOWED["fcntl"][MACHINES.index(machine)]

    allowed = {command for command in range(2000) if verdict(machine, fcntl, second_argument=command) == ALLOW}

    assert allowed == set(FCNTL_COMMANDS)
    assert not allowed & {F_SETOWN, F_SETSIG}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_call_from_another_architecture_ends_the_process(machine: str) -> None:
    """There, `restart_syscall` has the number of `read`, and `exit` that of `write`."""
    assert {verdict(machine, number, architecture=I386) for number in range(1000)} == {KILL_PROCESS}


def test_no_number_of_x32_is_allowed() -> None:
    assert {verdict("x86_64", X32_BIT | number) for number in range(1000)} == {REFUSE}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_match_the_kernels_headers(machine: str) -> None:
    header, pattern = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not installed")
    column = MACHINES.index(machine)
    named = dict(re.findall(pattern, header.read_text()))
    named["newfstatat"] = named.get("newfstatat", named.get("fstatat"))

    numbers = {**ALLOWED, **DANGEROUS}
    ours = {name: str(both[column]) for name, both in numbers.items() if both[column] is not None}

    assert ours == {name: named.get(name) for name in ours}


def test_a_jump_fits_into_its_byte() -> None:
    assert all(max(step.if_true, step.if_false) < 256 for machine in MACHINES for step in filter_for(machine))
