"""Whose direct messages are known to be closed."""

from bot.chat.direct_refusals import DirectRefusals
from tests.support.fakes import TurnedClock


def test_a_refusal_is_known_for_an_hour_or_until_the_member_is_heard_of() -> None:
    clock = TurnedClock()
    refusals = DirectRefusals(clock)
    refusals.note(1)
    refusals.note(2)

    refusals.forget(2)
    clock.turn(3599)

    assert [refusals.is_known(member_id) for member_id in (1, 2, 3)] == [True, False, False]
    clock.turn(1)
    assert not refusals.is_known(1)


def test_a_refusal_that_seems_to_lie_ahead_is_forgotten() -> None:
    """The clock was set back."""
    clock = TurnedClock()
    refusals = DirectRefusals(clock)
    refusals.note(1)

    clock.jump(-60)

    assert not refusals.is_known(1)
