"""How much time and how many bytes a stranger's server gets."""

import msgspec


class FetchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Each default states its reason; tests pass smaller ones."""

    connect_seconds: float = 10
    """Per connection: looking up the name, connecting and the TLS handshake."""
    answer_seconds: float = 20
    """Until the head of the file's response arrives, redirects included."""
    total_seconds: float = 120
    """For everything."""
    window_seconds: float = 10
    least_bytes_per_second: int = 16_000
    """Each window's worth of the file (160 kB) has to arrive within a window; the first window is the grace period.
    Music at 128 kbit/s plays at 16 kB/s: a slower server could not even stream it."""
    head_bytes: int = 64 << 10
    """The most a connection may receive before the head of its response is complete. TLS certificates take about 10 kB,
    heads up to 16 kB, and some servers send a few interim responses."""
    overhead_bytes: int = 1 << 20
    """The most that may arrive beyond the file and `overhead_share` of it. It must cover what has arrived but not been
    read (at most 700 kB: 512 kB inside TLS, 128 kB of the body, one read)."""
    overhead_share: float = 0.25
    """TLS adds 2 % and a careless server's chunked encoding 1 %; one-byte chunks add 500 %."""
