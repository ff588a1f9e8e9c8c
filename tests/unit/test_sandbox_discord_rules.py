"""What the stand-in decides without a socket: permissions, time, ids, links, waiting."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import discord
import pytest

from bot.sandbox.discord import DiscordOptions, FakeDiscord, NeverHappened, RateLimit
from bot.sandbox.discord.options import MESSAGES
from bot.sandbox.discord.refuse import addresses, limits
from bot.sandbox.discord.refuse.limits import Refusal
from bot.sandbox.discord.wire.calls import Route
from bot.sandbox.discord.wire.rates import Rates
from bot.sandbox.discord.world.changes import Changes
from bot.sandbox.discord.world.clock import Clock, Snowflakes
from bot.sandbox.discord.world.links import Links
from bot.sandbox.discord.world.permissions import ALL, EVERYONE, NONE, Overwrite, Permission, in_channel

SERVER, MEMBER, ROLE, OTHER_ROLE = 1, 2, 3, 4
BEGINNING = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WRITE, ATTACH, VIEW = Permission.SEND_MESSAGES, Permission.ATTACH_FILES, Permission.VIEW_CHANNEL


def permissions(
    overwrites: Mapping[int, Overwrite] | None = None,
    *,
    roles: Mapping[int, Permission] | None = None,
    is_owner: bool = False,
    in_thread: bool = False,
) -> Permission:
    return in_channel(
        everyone_id=SERVER,
        member_id=MEMBER,
        is_owner=is_owner,
        roles={SERVER: EVERYONE, **(roles or {})},
        overwrites=overwrites or {},
        in_thread=in_thread,
    )


def test_everybody_may_do_what_the_server_grants() -> None:
    assert permissions() == EVERYONE


def test_a_role_adds_to_it() -> None:
    assert Permission.MENTION_EVERYONE in permissions(roles={ROLE: Permission.MENTION_EVERYONE})


def test_the_members_own_overwrite_beats_the_roles_which_beat_everyones() -> None:
    denied = {SERVER: Overwrite(deny=ATTACH)}
    assert ATTACH not in permissions(denied)
    allowed_by_role = {**denied, ROLE: Overwrite(allow=ATTACH)}
    assert ATTACH in permissions(allowed_by_role, roles={ROLE: NONE})
    denied_to_member = {**allowed_by_role, MEMBER: Overwrite(deny=ATTACH)}
    assert ATTACH not in permissions(denied_to_member, roles={ROLE: NONE})


def test_among_roles_allowing_beats_denying() -> None:
    overwrites = {ROLE: Overwrite(deny=ATTACH), OTHER_ROLE: Overwrite(allow=ATTACH)}
    assert ATTACH in permissions(overwrites, roles={ROLE: NONE, OTHER_ROLE: NONE})


@pytest.mark.parametrize("roles", [{}, {ROLE: Permission.ADMINISTRATOR}])
def test_owners_and_administrators_may_do_everything(roles: Mapping[int, Permission]) -> None:
    overwrites = {SERVER: Overwrite(deny=VIEW), MEMBER: Overwrite(deny=WRITE)}
    assert permissions(overwrites, roles=roles, is_owner=not roles) == ALL


def test_members_who_cannot_see_a_channel_may_do_nothing_in_it() -> None:
    assert permissions({SERVER: Overwrite(deny=VIEW)}) == NONE


def test_members_who_may_not_write_may_not_attach_files() -> None:
    assert ATTACH not in permissions({SERVER: Overwrite(deny=WRITE)})


def test_writing_in_a_thread_needs_a_permission_of_its_own() -> None:
    no_threads = {SERVER: Overwrite(deny=Permission.SEND_MESSAGES_IN_THREADS)}
    assert ATTACH in permissions(no_threads)
    assert ATTACH not in permissions(no_threads, in_thread=True)
    assert ATTACH in permissions({SERVER: Overwrite(deny=WRITE)}, in_thread=True)


@pytest.mark.parametrize("permission", Permission)
def test_permission_bits_are_those_of_discord(permission: Permission) -> None:
    assert getattr(discord.Permissions(int(permission)), str(permission.name).lower()) is True


def test_a_changed_permission_is_either_allowed_or_denied() -> None:
    overwrite = Overwrite()
    overwrite.change(deny=ATTACH)
    overwrite.change(allow=ATTACH)
    assert (overwrite.allow, overwrite.deny) == (ATTACH, NONE)


def test_ids_grow_and_say_when_they_were_made() -> None:
    clock = Clock(lambda: BEGINNING)
    snowflakes = Snowflakes(clock)
    first, second = snowflakes.new(), snowflakes.new()
    clock.advance(10)
    third = snowflakes.new()

    assert first < second < third
    assert discord.utils.snowflake_time(third) - discord.utils.snowflake_time(first) == timedelta(seconds=10)
    assert discord.utils.snowflake_time(first) == BEGINNING


def parts(url: str) -> tuple[str, dict[str, str]]:
    split = urlsplit(url)
    return split.path, dict(parse_qsl(split.query))


def test_a_link_is_good_for_its_time_and_path_alone() -> None:
    clock = Clock(lambda: BEGINNING)
    links = Links(clock, lifetime_seconds=100)
    path, query = parts(links.url("/attachments/1/2/a.mp3"))

    assert links.is_good(path, query)
    assert not links.is_good("/attachments/1/3/a.mp3", query)
    assert not links.is_good(path, {**query, "ex": "ffffffff"})
    assert not links.is_good(path, {})
    clock.advance(101)
    assert not links.is_good(path, query)


def test_links_made_soon_after_each_other_are_the_same() -> None:
    clock = Clock(lambda: BEGINNING)
    links = Links(clock, lifetime_seconds=86_400)
    first = links.url("/a")
    clock.advance(60)

    assert links.url("/a") == first


def test_a_window_opens_with_its_first_request_and_is_empty_again_once_it_closes() -> None:
    now = 100.0
    rates = Rates(DiscordOptions(rate_limits={("POST", MESSAGES): RateLimit(2, 5)}), now=lambda: now)
    route = Route(method="POST", template=MESSAGES, handler=lambda _: None)

    def ask(at: float) -> tuple[str, float | None]:
        nonlocal now
        now = at
        verdict = rates.ask(route, {"channel_id": "1"})
        return verdict.headers["X-RateLimit-Remaining"], verdict.retry_after

    assert [ask(100), ask(104), ask(104)] == [("1", None), ("0", None), ("0", 1)]
    assert [ask(105), ask(105), ask(109)] == [("1", None), ("0", None), ("0", 1)]


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example/a.png?x=y#z",
        "http://127.0.0.1:8000/",
        "https://[::1]:443/",
        "https://größe.example/ü",
        "https://xn--mnchen-3ya.example",
        "https://mia:secret@media.example/",
        "attachment://wave.png",
        "discord://-/channels/1",
    ],
)
def test_a_well_formed_address_is_taken(url: str) -> None:
    assert addresses.is_well_formed(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://xn--a/",
        "https://[::1]@/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://",
        "https:///path",
        "https:media.example",
        "https://media..example/",
        "https://-media.example/",
        "https://me_dia.example/",
        f"https://{'a' * 64}.example/",
        "https://256.1.1.1/",
        "https://media.example:99999/",
        "https://media.example:port/",
        "https://media.example/a b",
        "https://media.example/\n",
        "attachment://",
    ],
)
def test_an_address_that_no_browser_could_open_is_malformed(url: str) -> None:
    assert not addresses.is_well_formed(url)


async def test_a_wait_ends_as_soon_as_its_condition_holds() -> None:
    changes, seen = Changes(), list[int]()

    async def wait() -> int:
        return await changes.until(lambda: len(seen) > 1 and seen[-1], timeout=5, wanted="two", seen=lambda: str(seen))

    waiting = asyncio.create_task(wait())
    for number in (1, 2):
        await asyncio.sleep(0)
        seen.append(number)
        changes.tell()

    assert await waiting == 2


async def test_a_wait_in_vain_says_what_was_wanted_and_seen() -> None:
    with pytest.raises(NeverHappened, match=r"two: not within 0.01 s. Seen: \[1\]"):
        await Changes().until(lambda: False, timeout=0.01, wanted="two", seen=lambda: "[1]")


async def test_a_wait_does_not_hide_another_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Changes().until(lambda: False, timeout=5, wanted="two", seen=str)


def test_the_application_is_not_its_bot_user() -> None:
    fake = FakeDiscord()
    assert fake.application_id != fake.world.bot.id


def test_every_refusal_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox-discord.md").read_text()
    told = {int(line.split("|")[2]) for line in page.splitlines() if line.startswith("| 4") and line.count("|") == 5}
    assert {value.code for value in vars(limits).values() if isinstance(value, Refusal)} - told == set()
