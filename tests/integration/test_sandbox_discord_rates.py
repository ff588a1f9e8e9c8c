"""Rate limits: which requests count together, what the headers say, and how discord.py lives with them."""

import asyncio
import re
from datetime import timedelta

from bot.sandbox.discord import DiscordOptions, FakeDiscord, RateLimit, TroubleKind
from bot.sandbox.discord.options import MESSAGE, MESSAGES
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.discord_api import Json, Reply, Stage, a_bot, connected, staged

HELLO: Json = {"content": "hello"}
HEADERS = ("Limit", "Remaining", "Reset", "Reset-After", "Bucket")
TWO_A_MINUTE = {("POST", MESSAGES): RateLimit(2, 60)}


async def post(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, HELLO)


async def edit(stage: Stage, message_id: str) -> Reply:
    return await stage.api.ask("PATCH", f"/channels/{stage.songs.id}/messages/{message_id}", HELLO)


async def delete(stage: Stage, message_id: str) -> Reply:
    return await stage.api.ask("DELETE", f"/channels/{stage.songs.id}/messages/{message_id}")


async def posted(stage: Stage) -> str:
    message_id: str = (await post(stage)).body["id"]
    return message_id


async def test_every_route_shows_its_limit_in_refusals_too() -> None:
    async with staged(DiscordOptions(requests_per_second=None)) as stage:
        missing = []
        for route in stage.discord._routes:
            path = re.sub(r"{\w+}", "1", route.template)
            reply = await stage.api.ask(route.method, path, None if route.method == "GET" else {})
            missing += [(route, name) for name in HEADERS if f"X-RateLimit-{name}" not in reply.headers]

        assert missing == []


async def test_posts_and_edits_name_one_bucket_and_are_counted_apart() -> None:
    async with staged() as stage:
        message_id = await posted(stage)
        for _ in range(4):
            await post(stage)

        refused, edited = await post(stage), await edit(stage, message_id)

        assert (refused.status, edited.status) == (429, 200)
        assert refused.headers["X-RateLimit-Bucket"] == edited.headers["X-RateLimit-Bucket"]


async def test_edits_of_a_channel_have_a_limit() -> None:
    async with staged() as stage:
        ids = [await posted(stage), await posted(stage)]
        replies = [await edit(stage, ids[number % 2]) for number in range(6)]

        assert [reply.status for reply in replies] == [200] * 5 + [429]


async def test_in_a_shared_bucket_posts_edits_and_deletions_of_a_channel_compete() -> None:
    async with staged(DiscordOptions(shared_channel_bucket=True)) as stage:
        first, second = await posted(stage), await posted(stage)
        statuses = [(await edit(stage, first)).status, (await edit(stage, second)).status]
        statuses += [
            (await delete(stage, second)).status,
            (await post(stage)).status,
            (await edit(stage, first)).status,
        ]

        assert statuses == [200, 200, 204, 429, 429]
        other = stage.guild.channel("other")
        assert (await stage.api.post(other, HELLO)).status == 200


async def test_a_429_names_its_scope_and_how_long_to_wait_and_is_counted() -> None:
    async with staged(DiscordOptions(rate_limits=TWO_A_MINUTE)) as stage:
        for _ in range(2):
            await post(stage)
        assert stage.discord.rate_limited == []

        refused = await post(stage)

        assert 50 < refused.body["retry_after"] <= 60
        assert (refused.headers["Via"], refused.headers["X-RateLimit-Scope"]) == ("1.1 google", "user")
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert [(each.method, each.template) for each in stage.discord.rate_limited] == [("POST", MESSAGES)]


async def test_a_429_on_demand_looks_like_any_other() -> None:
    async with staged() as stage:
        stage.discord.troubles.add("POST", MESSAGES, TroubleKind.RATE_LIMITED, retry_after_seconds=2)

        refused = await post(stage)

        assert (refused.headers["X-RateLimit-Remaining"], refused.headers["X-RateLimit-Scope"]) == ("0", "user")
        assert refused.headers["X-RateLimit-Reset-After"] == "2.000"
        assert len(stage.discord.rate_limited) == 1


async def test_a_refusal_on_demand_counts_and_shows_the_limit() -> None:
    async with staged() as stage:
        stage.discord.troubles.add("POST", MESSAGES, TroubleKind.ERROR_BEFORE, status=400, code=50045)

        assert (await post(stage)).headers["X-RateLimit-Remaining"] == "4"
        assert (await post(stage)).headers["X-RateLimit-Remaining"] == "3"


async def test_each_interaction_token_has_limits_of_its_own() -> None:
    route = ("POST", "/webhooks/{webhook_id}/{webhook_token}")
    async with staged(DiscordOptions(rate_limits={route: RateLimit(1, 60)})) as stage:
        statuses = []
        for _ in range(2):
            invocation = await stage.extend()
            await stage.api.answer(invocation, {"type": 4, "data": HELLO})
            statuses += [(await stage.api.follow(invocation, HELLO)).status for _ in range(2)]

        assert statuses == [200, 429, 200, 429]


async def test_discord_py_edits_two_messages_of_a_channel_at_the_same_time() -> None:
    async with FakeDiscord() as fake:
        songs = fake.guild().channel("songs")
        bot = a_bot()
        async with connected(fake, bot):
            channel = bot.get_partial_messageable(songs.id)
            first, second = await channel.send("one"), await channel.send("two")
            await first.edit(content="one, edited")
            held = fake.troubles.add("PATCH", f"/channels/*/messages/{first.id}", TroubleKind.HOLD_BEFORE)

            holding = asyncio.create_task(first.edit(content="held"))
            await held.reached()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await second.edit(content="two, edited")
            held.release()
            await holding

        assert [message.content for message in songs.messages] == ["held", "two, edited"]


async def test_edits_of_old_messages_are_limited_by_the_hour() -> None:
    options = DiscordOptions(rate_limits={}, old_edits=RateLimit(2, 3600))
    async with staged(options) as stage:
        message_id = await posted(stage)
        young = [(await edit(stage, message_id)).status for _ in range(3)]
        stage.discord.advance(timedelta(hours=1, seconds=1).total_seconds())
        old = [await edit(stage, message_id) for _ in range(3)]
        stage.discord.advance(3600)

        assert young == [200] * 3
        assert [reply.status for reply in old] == [200, 200, 429]
        assert (old[-1].body["code"], old[-1].headers["Via"]) == (30046, "1.1 google")
        assert 3590 < old[-1].body["retry_after"] <= 3600
        assert (await edit(stage, message_id)).status == 200


async def test_old_edits_are_counted_per_channel_and_not_per_message() -> None:
    options = DiscordOptions(rate_limits={}, old_edits=RateLimit(1, 3600))
    async with staged(options) as stage:
        ids = [await posted(stage), await posted(stage)]
        stage.discord.advance(3601)

        assert [(await edit(stage, message_id)).status for message_id in ids] == [200, 429]
        assert stage.discord.rate_limited[0].template == MESSAGE


async def test_a_rate_limit_says_when_to_come_back() -> None:
    async with staged() as stage:
        replies = [await stage.api.post(stage.songs, HELLO) for _ in range(6)]

        assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["4", "3", "2", "1", "0", "0"]
        assert 0 < replies[-1].body["retry_after"] <= 5
        assert replies[-1].headers["Via"]
        other = stage.guild.channel("other")
        assert (await stage.api.post(other, HELLO)).status == 200


async def test_more_than_fifty_requests_a_second_are_refused_everywhere() -> None:
    async with staged(DiscordOptions(requests_per_second=50, rate_limits={})) as stage:
        replies = [await stage.api.ask("GET", "/users/@me") for _ in range(60)]

        refused = [reply for reply in replies if reply.status == 429]
        assert refused
        assert refused[0].body["global"] is True
        assert refused[0].headers["X-RateLimit-Global"] == "true"
        assert 0 < refused[0].body["retry_after"] <= float(refused[0].headers["Retry-After"]) == 1


async def test_answers_to_interactions_do_not_count_among_the_fifty() -> None:
    async with staged(DiscordOptions(requests_per_second=2, rate_limits={})) as stage:
        for _ in range(2):
            await stage.api.ask("GET", "/users/@me")
        invocation = await stage.extend()

        assert (await stage.api.answer(invocation, {"type": 4, "data": HELLO})).status == 200
        assert (await stage.api.follow(invocation, HELLO)).status == 200
        assert (await stage.api.ask("GET", "/users/@me")).status == 429


async def test_without_limits_nothing_is_refused() -> None:
    async with staged(DiscordOptions(requests_per_second=None, rate_limits={})) as stage:
        replies = [await stage.api.post(stage.songs, HELLO) for _ in range(60)]

        assert {reply.status for reply in replies} == {200}
