"""The acceptance: what it costs, how long it takes, and `Cancel` until the job is submitted."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.discord import Member, Message
from tests.end_to_end.test_what_members_see import waiting_job
from tests.end_to_end.town import Town, eventually

pytestmark = pytest.mark.either_way

CANCELLED = "Cancelled **Boats**. This didn't use up an extension."


def buttons(message: Message) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"]]


async def said(message: Message, words: str) -> None:
    async def look() -> bool:
        return words in message.content

    await eventually(look)


async def cancelled_by(member: Member, receipt: Message) -> str:
    return (await (await member.click(receipt, "Cancel")).response()).content


async def a_receipt(town: Town) -> Message:
    """For a job that waits, because the account is empty."""
    town.suno.credits = 0
    await town.start()
    invocation = await town.extend(style="folk", title="Boats", prompt="la")
    receipt = await invocation.wait_until(lambda message: "This uses one extension" in message.content)
    await waiting_job(town)
    return receipt


async def test_an_acceptance_says_what_it_costs_and_how_long_it_takes(town: Town) -> None:
    receipt = await a_receipt(town)

    first, second = receipt.content.splitlines()
    assert first == "Got it. I'll post here and ping you."
    assert second == (
        "This uses one extension, which leaves you 9 of 10 for today. Once it starts, it usually takes about 3 minutes."
    )
    assert receipt.is_ephemeral


async def test_the_usual_time_is_that_of_recent_jobs(town: Town) -> None:
    await town.start()
    await town.extend()
    await town.result()

    invocation = await town.extend()

    await invocation.wait_until(lambda message: "usually takes less than a minute" in message.content)
    await town.result(2)


async def test_a_waiting_job_is_cancelled_from_its_acceptance(town: Town) -> None:
    receipt = await a_receipt(town)
    assert buttons(receipt) == ["Cancel"]

    assert await cancelled_by(town.mia, receipt) == CANCELLED
    await said(receipt, CANCELLED)

    assert buttons(receipt) == []
    assert (await town.balance()).left == town.settings.quota_per_day
    await town.job_in(JobState.CANCELLED)


async def test_a_job_is_cancelled_from_its_acceptance_after_a_restart(town: Town) -> None:
    receipt = await a_receipt(town)
    await town.stop()
    await town.start()

    assert await cancelled_by(town.mia, receipt) == CANCELLED

    await said(receipt, CANCELLED)


async def test_an_acceptance_loses_its_button_when_the_job_is_cancelled_elsewhere(town: Town) -> None:
    receipt = await a_receipt(town)

    await town.mia.command(town.songs, "cancel", job=(await town.job()).short_id)
    await said(receipt, CANCELLED)

    assert buttons(receipt) == []


async def test_it_is_too_late_to_cancel_what_was_submitted(town: Town) -> None:
    await town.start()
    invocation = await town.extend(style="folk", title="Boats", prompt="la")
    receipt = await invocation.wait_until(lambda message: "This uses one extension" in message.content)
    await town.result()
    await town.job_in(JobState.DELIVERED)

    assert await cancelled_by(town.mia, receipt) == "**Boats**: done. It's too late to cancel it."
    assert (await town.balance()).spent == 1


async def test_the_button_of_an_erased_job_answers_with_a_sentence(town: Town) -> None:
    await town.start()
    invocation = await town.extend()
    receipt = await invocation.wait_until(lambda message: "This uses one extension" in message.content)
    await town.result()
    await town.job_in(JobState.DELIVERED)
    async with town.app.storage.transaction() as work:
        await work.housekeeping.remove_jobs(ended_before=datetime.now(UTC) + timedelta(days=1), limit=10)

    assert await cancelled_by(town.mia, receipt) == "I don't have this job any more."


async def test_a_private_answer_is_a_receipt_too(town: Town) -> None:
    town.suno.credits = 0
    await town.start()
    invocation = await town.extend(style="folk", title="Boats", prompt="la", private=True)
    receipt = await invocation.wait_until(lambda message: "run out of credits" in message.content)
    await town.job_in(JobState.ACCEPTED)

    assert "This uses one extension, which leaves you 9 of 10 for today." in receipt.content
    assert buttons(receipt) == ["Cancel"]
    assert await cancelled_by(town.mia, receipt) == CANCELLED
    await invocation.wait_until(lambda message: message.content.endswith(": cancelled") and not message.components)
    assert (await town.balance()).left == town.settings.quota_per_day


async def test_a_private_answer_loses_its_button_when_the_job_is_submitted(town: Town) -> None:
    town.suno.credits = 0
    await town.start(poll_every_seconds=0.3)
    invocation = await town.extend(style="folk", title="Boats", prompt="la", private=True)
    receipt = await invocation.wait_until(lambda message: "run out of credits" in message.content)
    await town.job_in(JobState.ACCEPTED)
    before = len(invocation.edits)

    town.suno.credits = 1000
    await invocation.wait_until(lambda message: message.attachments)

    assert not any(
        "Cancel" in str(edit.components) for edit in invocation.edits[before:] if "Composing" in edit.content
    )
    assert "Cancel" not in buttons(receipt)


async def test_what_is_made_again_has_a_receipt_too(town: Town) -> None:
    await town.start(undo_seconds=0.3)
    await town.extend(style="folk", title="Boats", prompt="la")
    result = await town.result()
    noa = town.discord.member("Noa", guild=town.guild)
    town.suno.credits = 0

    click = await noa.click(result, "Again")
    receipt = await click.wait_until(lambda message: "This uses one extension" in message.content)

    assert "leaves you 9 of 10" in receipt.content
    assert buttons(receipt) == ["Cancel"]
    await town.songs.wait_for(lambda message: "run out of credits" in message.content)
    assert await cancelled_by(noa, receipt) == CANCELLED


async def test_what_is_sent_with_a_form_has_a_receipt_too(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la")
    result = await town.result()
    town.suno.credits = 0

    form = await (await town.mia.click(result, "Extend 2")).opened_modal()
    sent = await town.mia.submit_modal(form, {"Lyrics or idea": "softer"})
    receipt = await sent.wait_until(lambda message: "This uses one extension" in message.content)

    assert "leaves you 8 of 10" in receipt.content
    assert buttons(receipt) == ["Cancel"]


async def test_a_double_click_cancels_once(town: Town) -> None:
    receipt = await a_receipt(town)

    answers = await asyncio.gather(cancelled_by(town.mia, receipt), cancelled_by(town.mia, receipt))

    assert set(answers) == {CANCELLED}
    assert (await town.balance()).left == town.settings.quota_per_day
