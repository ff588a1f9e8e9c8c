"""What a channel's budget says after requests and answers of any process."""

from bot.chat.channel_budget import ASKING_SECONDS, Budget, ChannelBudget, Kind

NOW = 1000.0
EDIT, POST = Kind.EDIT, Kind.POST


def known(remaining: int, *, limit: int = 5, resets_at: float = NOW + 5) -> Budget:
    return Budget(limit=limit, remaining=remaining, resets_at=resets_at, window_seconds=5.0)


def taken(budget: ChannelBudget, kind: Kind = POST, now: float = NOW, *, reserved: int = 0) -> ChannelBudget:
    after = budget.taken(kind, now, reserved=reserved)
    assert after is not None
    return after


def test_while_a_limit_is_unknown_requests_of_its_kind_go_one_by_one() -> None:
    asking = taken(ChannelBudget())

    assert asking.taken(POST, NOW) is None
    assert asking.taken(EDIT, NOW) is not None
    assert asking.asked(POST, asking.post.asking_until).taken(POST, NOW) is not None


def test_a_request_of_a_killed_process_delays_others_only_for_a_while() -> None:
    asking = taken(ChannelBudget())

    assert asking.taken(POST, NOW + ASKING_SECONDS - 1) is None
    assert asking.taken(POST, NOW + ASKING_SECONDS) is not None


def test_one_request_counts_for_both_kinds() -> None:
    after = taken(ChannelBudget(post=known(3), edit=known(4)), EDIT)

    assert (after.post.remaining, after.edit.remaining) == (2, 3)


def test_a_request_that_was_not_made_is_given_back() -> None:
    before = ChannelBudget(post=known(3), edit=known(4))

    assert taken(before).given_back(POST, taken(before)) == before
    unknown = ChannelBudget()
    assert taken(unknown, EDIT).given_back(EDIT, taken(unknown, EDIT)).taken(EDIT, NOW) is not None


def test_a_returned_request_does_not_count_in_a_later_window() -> None:
    before = ChannelBudget(post=known(3))
    later = ChannelBudget(post=known(0, resets_at=NOW + 10))

    assert later.given_back(POST, taken(before)).post.remaining == 0


def test_an_answer_that_says_nothing_new_need_not_be_shared() -> None:
    learned = known(3).learned(NOW, limit=5, remaining=3, reset_after=5.1, uncounted=0)

    assert not learned.says_more_than(known(3), NOW)
    assert known(3).learned(NOW, limit=5, remaining=2, reset_after=5.0, uncounted=0).says_more_than(known(3), NOW)
    assert learned.says_more_than(Budget(), NOW)


def test_answers_may_overtake_each_other() -> None:
    assert known(1).learned(NOW, limit=5, remaining=3, reset_after=5.0, uncounted=0).remaining == 1


def test_a_refusal_of_old_edits_does_not_delay_posts() -> None:
    budget = ChannelBudget(post=known(3), edit=known(3)).without_edits(NOW + 3600)

    assert budget.taken(POST, NOW) is not None
    assert budget.calm_at == NOW + 3600
