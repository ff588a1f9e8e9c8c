"""Addresses that must be known before anybody listens there."""

import socket

import pytest

from bot.sandbox import stand_ins
from bot.sandbox.stand_ins import free_port, reserved_port


def test_nobody_else_gets_a_reserved_port(monkeypatch: pytest.MonkeyPatch) -> None:
    two = sorted({free_port() for _ in range(10)})[:2]
    monkeypatch.setattr(stand_ins, "_PORTS", two)

    with reserved_port() as port:
        assert {free_port() for _ in range(20)} == {*two} - {port}
        with socket.create_server(("127.0.0.1", port)):
            pass  # whom it is reserved for listens


def test_a_port_is_free_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_ins, "_PORTS", [free_port()])

    with reserved_port() as port:
        pass

    assert free_port() == port
