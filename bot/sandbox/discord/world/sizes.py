"""How large a file may be (docs/discord.md 3.1)."""

MIB = 1024 * 1024
UPLOAD_BYTES_BY_TIER = {0: 10 * MIB, 1: 10 * MIB, 2: 50 * MIB, 3: 100 * MIB}
UPLOAD_BYTES_BY_NITRO = {0: 10 * MIB, 3: 50 * MIB, 1: 50 * MIB, 2: 500 * MIB}
"""By Discord's `premium_type`: none, Basic, Classic, Nitro. The limit of the last is announced but not enforced."""
