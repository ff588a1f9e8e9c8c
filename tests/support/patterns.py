"""Whether a regular expression that searches through foreign words takes time in proportion to their length."""

import re
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]  # the module has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)


def costly_repeats(pattern: re.Pattern[str]) -> list[str]:
    """The endless repeats after which something else must match: where it does not, the search begins anew with each
    character of the run, and twice the words take four times as long. At the very end a repeat is harmless.
    """
    return [str(repeat) for repeat in _costly(parser.parse(pattern.pattern, pattern.flags), is_last=True)]


def _costly(parts: Any, *, is_last: bool) -> Iterator[Any]:  # noqa: ANN401  # the parser's own, without types
    for number, (code, argument) in enumerate(parts, start=1):
        ends = is_last and number == len(parts)
        if code in _REPEATS:
            _, most, inner = argument
            if most == codes.MAXREPEAT and not ends:
                yield inner
            yield from _costly(inner, is_last=ends and most == 1)
        elif code is codes.SUBPATTERN:
            yield from _costly(argument[-1], is_last=ends)
        elif code is codes.BRANCH:
            for branch in argument[1]:
                yield from _costly(branch, is_last=ends)
        elif code in (codes.ASSERT, codes.ASSERT_NOT):
            yield from _costly(argument[1], is_last=True)
