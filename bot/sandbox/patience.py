"""How long the stand-ins, and the tests around them, wait for what must happen."""

PATIENCE_SECONDS = 60.0
"""It only keeps a failing test from hanging, so it is far more than a slow and busy machine needs."""
