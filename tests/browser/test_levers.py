"""Every lever does what it says."""

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from bot.sandbox.page.levers import BOT, LEVERS
from bot.sandbox.playground import Playground
from tests.browser.conftest import OpenWindow
from tests.browser.test_encore import result_of
from tests.browser.window import Window

See = Callable[[Window, Playground], Awaitable[None]]
SEEN: dict[str, See] = {}
SHORT = "harbour.wav"


def pulled(*names: str) -> Callable[[See], See]:
    """What is seen once these levers have been pulled, in this order; the test is the last one's."""

    def keep(see: See) -> See:
        SEEN[names[-1]] = see
        BEFORE[names[-1]] = names
        return see

    return keep


BEFORE: dict[str, tuple[str, ...]] = {}


@pulled("speed-fast")
@pulled("speed-real", "speed-usual")
async def jobs_still_end(mia: Window, ground: Playground) -> None:
    assert ground.scene.suno.time_scale in (0.03, 0.1)
    await mia.extend(SHORT)
    await result_of(mia)


@pulled("speed-real")
async def the_speed_is_real(_: Window, ground: Playground) -> None:
    assert ground.scene.suno.time_scale == 1.0


@pulled("lyrics-first")
@pulled("maintenance")
@pulled("callbacks-doubled")
@pulled("callbacks-late")
@pulled("post-refused")
@pulled("post-lost")
@pulled("rate-limit")
@pulled("gateway-drop")
@pulled("deliver-twice")
@pulled("post-refused", "calm")
async def one_result_all_the_same(mia: Window, ground: Playground) -> None:
    await ground.scene.discord.wait_ready()
    await mia.extend(SHORT)
    await result_of(mia)
    assert ground.scene.suno.submits == 1
    await expect(mia.messages.filter(has=mia.page.locator("audio"))).to_have_count(1)


@pulled("one-track")
async def one_track(mia: Window, _: Playground) -> None:
    await mia.extend(SHORT)
    await expect((await result_of(mia)).locator("audio")).to_have_count(2)  # the take, and how it joins


@pulled("sensitive-words")
@pulled("copyright")
async def the_job_fails_and_costs_nothing(mia: Window, _: Playground) -> None:
    await mia.extend(SHORT)
    await mia.see("This didn't use up an extension.")


@pulled("silence")
async def nothing_is_heard(mia: Window, ground: Playground) -> None:
    await mia.extend(SHORT)
    await mia.see("Got it.")
    await ground.scene.suno.wait_for_submit()
    assert ground.scene.suno.callbacks_sent == []


@pulled("callbacks-lost")
async def the_bot_polls(mia: Window, ground: Playground) -> None:
    await mia.extend(SHORT)
    await ground.scene.suno.wait_for_submit()
    await mia.pull("Forward 15 minutes")
    await result_of(mia)
    assert ground.scene.suno.callbacks_sent == []


@pulled("out-of-credits")
async def the_job_waits(mia: Window, ground: Playground) -> None:
    await mia.extend(SHORT)
    await mia.see("credits")
    assert ground.scene.suno.submits == 0


@pulled("out-of-credits", "top-up")
@pulled("refuse-key", "accept-key")
async def jobs_go_on(mia: Window, _: Playground) -> None:
    await mia.extend(SHORT)
    await result_of(mia)


@pulled("refuse-key")
async def the_key_is_refused(mia: Window, ground: Playground) -> None:
    await mia.extend(SHORT)
    await mia.see("key")
    assert ground.scene.suno.submits == 0


@pulled("unreachable")
async def the_bot_comes_back(mia: Window, ground: Playground) -> None:
    await ground.scene.discord.gateway.wait_resumed()
    await mia.extend(SHORT)
    await result_of(mia)


@pulled("clock-minute")
@pulled("clock-quarter")
@pulled("clock-day")
async def the_clock_is_ahead(mia: Window, ground: Playground) -> None:
    assert ground.scene.ahead_seconds in (60, 900, 86_400)
    await expect(mia.page.get_by_text(re.compile(r"\d+ (min|day) ahead"))).to_be_visible()
    await mia.begin("quota")
    await mia.send()
    await mia.see("Only you can see this")


@pulled("kill")
@pulled("stop")
async def the_bot_is_down(mia: Window, ground: Playground) -> None:
    await expect(mia.page.get_by_text("stopped", exact=True)).to_be_visible()
    assert ground.bot.ended


@pulled("kill", "start")
async def the_bot_is_up(mia: Window, ground: Playground) -> None:
    await expect(mia.page.get_by_text("running", exact=True)).to_be_visible()
    await ground.scene.discord.wait_ready()
    await mia.begin("quota")
    await mia.send()
    await mia.see("Only you can see this")


def test_every_lever_is_tried() -> None:
    assert sorted(SEEN) == sorted(lever.name for lever in LEVERS)


@pytest.mark.parametrize("name", list(SEEN))
async def test_a_lever(name: str, window: OpenWindow, ground: Playground) -> None:
    mia = await window()
    levers = {lever.name: lever for lever in LEVERS}
    for each in BEFORE[name]:
        await mia.pull(levers[each].label)
        panel = await mia.see_behind("Levers")
        await expect(panel.get_by_text(levers[each].expect[:60]).first).to_be_visible()
        if levers[each].group == BOT and each != name:
            await expect(mia.page.get_by_text("stopped", exact=True)).to_be_visible()

    await SEEN[name](mia, ground)
