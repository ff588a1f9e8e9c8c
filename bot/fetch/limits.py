"""How much time and how many bytes a stranger's server gets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """The defaults carry the reasons; tests pass smaller ones."""

    connect_seconds: float = 10
    """For each connection: looking up the name, connecting and the TLS handshake."""
    answer_seconds: float = 20
    """Until the head of the file's response is here, all redirects included."""
    total_seconds: float = 120
    """For everything."""
    window_seconds: float = 10
    least_bytes_per_second: int = 16_000
    """Each window's worth of the file (160 kB) has to arrive within a window; the first window is the grace period.
    16 kB/s is what music at 128 kbit/s plays at: a slower server could not even stream it."""
    head_bytes: int = 64 << 10
    """What a connection may receive before the head of its response is complete: TLS certificates take about 10 kB,
    heads up to 16 kB, and some servers send a few interim responses."""
    overhead_bytes: int = 1 << 20
    """What may be received beyond the file and `overhead_share` of it. It has to cover what was received but not read
    yet (at most 700 kB: 512 kB inside TLS, 128 kB of the body, one read)."""
    overhead_share: float = 0.25
    """TLS adds 2 % and chunked encoding 1 % where a server is careless; one-byte chunks add 500 %."""
