"""Keep secrets out of a record's `repr`, which ends up in logs and tracebacks."""

import msgspec


def repr_without(record: msgspec.Struct, secrets: frozenset[str]) -> str:
    """Like `repr(record)`, without the fields named in `secrets`."""
    told = (f"{name}={getattr(record, name)!r}" for name in record.__struct_fields__ if name not in secrets)
    return f"{type(record).__name__}({', '.join(told)})"
