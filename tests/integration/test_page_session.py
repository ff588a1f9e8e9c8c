"""What a window of the page is told, frame by frame, without a browser."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.sandbox.discord import Invocation
from bot.sandbox.page.outbox import Outbox
from bot.sandbox.page.samples import SAMPLES, Samples
from bot.sandbox.page.scene import Identity, Scene
from bot.sandbox.page.server import PageServer
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.suno import FakeSuno
from tests.support.discord_api import Stage, staged

Json = dict[str, Any]


@dataclass
class Tab:
    """One WebSocket; `frames` are all that have been read from it."""

    socket: aiohttp.ClientWebSocketResponse
    frames: list[Json] = field(default_factory=list)
    asked: int = 0

    async def until(self, wanted: Callable[[Json], object]) -> Json:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                frame = json.loads((await self.socket.receive()).data)
                self.frames.append(frame)
                if wanted(frame):
                    return frame  # type: ignore[no-any-return]

    async def ask(self, do: str, **more: object) -> Json:
        self.asked += 1
        await self.socket.send_json({"do": do, "ask": self.asked, **more})
        return await self.until(lambda frame: frame["is"] == "answer" and frame["to"] == self.asked)

    async def found(self, do: str, **more: object) -> Any:  # noqa: ANN401  # any JSON
        return (await self.ask(do, **more))["found"]


@dataclass
class House:
    stage: Stage
    page: PageServer
    scene: Scene
    http: aiohttp.ClientSession

    async def tab(self, who: str = "mia") -> Tab:
        origin = "http://" + urlsplit(self.page.url).netloc
        tab = Tab(await self.http.ws_connect(f"{self.page.url}socket?as={who}", origin=origin))
        await tab.until(lambda frame: frame["is"] == "places")
        return tab


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with staged() as stage, FakeSuno() as suno, aiohttp.ClientSession() as http:
        jonas = stage.discord.member("Jonas", locale="de")
        identities = [Identity(member=stage.mia, note="a member"), Identity(member=jonas, note="another")]
        scene = Scene(discord=stage.discord, suno=suno, identities=identities, samples=Samples(tmp_path))
        async with PageServer(scene) as page:
            yield House(stage, page, scene, http)


async def test_the_welcome_names_people_and_the_places_follow(house: House) -> None:
    tab = await house.tab("jonas")
    welcome, places = tab.frames

    assert [each["name"] for each in welcome["identities"]] == ["Mia", "Jonas"]
    assert welcome["me"] == welcome["identities"][1]["id"]
    assert [each["name"] for each in places["guilds"][0]["channels"]] == ["songs"]


async def test_a_message_of_the_open_channel_is_sent_as_it_is_posted_edited_and_deleted(house: House) -> None:
    tab, songs = await house.tab(), str(house.stage.songs.id)
    assert (await tab.found("open", channel=songs))["messages"] == []

    posted = (await house.stage.api.post(house.stage.songs, {"content": "one"})).body
    path = f"/channels/{songs}/messages/{posted['id']}"
    await house.stage.api.ask("PATCH", path, {"content": "two"})
    await house.stage.api.ask("DELETE", path)

    await tab.until(lambda frame: frame["is"] == "gone" and frame["message"] == posted["id"])
    assert [frame["message"]["content"] for frame in tab.frames if frame["is"] == "message"] == ["one", "two"]


async def test_only_its_member_is_sent_an_ephemeral_answer(house: House) -> None:
    mia, jonas, songs = await house.tab("mia"), await house.tab("jonas"), house.stage.songs
    for tab in (mia, jonas):
        await tab.found("open", channel=str(songs.id))
    invocation = await house.stage.extend(audio=await house.scene.samples.get("harbour.wav"))
    await house.stage.api.answer(invocation, {"type": 4, "data": {"content": "psst", "flags": 64}})
    house.stage.mia.post(songs, "aloud")

    heard = await mia.until(lambda frame: frame["is"] == "message" and frame["message"]["content"] == "psst")
    assert heard["message"]["ephemeral"]
    await jonas.until(lambda frame: frame["is"] == "message" and frame["message"]["content"] == "aloud")
    assert "psst" not in json.dumps(jonas.frames)


async def test_a_file_that_was_uploaded_in_parts_arrives_whole(house: House) -> None:
    tab, songs = await house.tab(), str(house.stage.songs.id)
    await tab.found("open", channel=songs)
    data = bytes(range(256)) * 9000
    await tab.socket.send_json({"do": "upload", "ask": 50, "file": "f1", "name": "my song.wav", "size": len(data)})
    for at in range(0, len(data), 1_000_000):
        await tab.socket.send_bytes(data[at : at + 1_000_000])
    await tab.until(lambda frame: frame.get("to") == 50)
    await tab.found("post", channel=songs, content="", files=["f1"])

    (message,) = house.stage.songs.messages
    assert message.attachments[0].data == data
    assert message.attachments[0].filename == "my_song.wav"


async def test_descriptions_are_in_the_language_of_the_member(house: House) -> None:
    await house.stage.api.announce(
        {
            "name": "quota",
            "description": "What is left",
            "description_localizations": {"de": "Was übrig ist"},
            "type": 1,
        }
    )
    shown = {}
    for who in ("mia", "jonas"):
        tab = await house.tab(who)
        commands = (await tab.found("open", channel=str(house.stage.songs.id)))["commands"]
        shown[who] = commands[0]["shown_description"]

    assert shown == {"mia": "What is left", "jonas": "Was übrig ist"}


async def test_commands_that_are_announced_later_appear_in_open_windows(house: House) -> None:
    tab = await house.tab()
    await tab.found("open", channel=str(house.stage.songs.id))
    await house.stage.api.announce({"name": "fresh", "description": "New", "type": 1})

    frame = await tab.until(lambda frame: frame["is"] == "commands")
    assert [each["name"] for each in frame["commands"]] == ["fresh"]


async def test_a_long_channel_is_sent_in_pages_both_ways(house: House) -> None:
    for number in range(60):
        house.stage.mia.post(house.stage.songs, str(number))
    tab, songs = await house.tab(), str(house.stage.songs.id)

    latest = await tab.found("open", channel=songs)
    middle = await tab.found("open", channel=songs, before=latest["messages"][0]["id"])
    first = await tab.found("open", channel=songs, before=middle["messages"][0]["id"])
    again = await tab.found("open", channel=songs, after=first["messages"][-1]["id"])

    pages = [[int(each["content"]) for each in page["messages"]] for page in (latest, middle, first, again)]
    assert pages == [[*range(35, 60)], [*range(10, 35)], [*range(10)], [*range(10, 35)]]
    assert [(page["older"], page["newer"]) for page in (latest, middle, first, again)] == [
        (True, False),
        (True, True),
        (False, True),
        (True, True),
    ]


async def test_a_ping_elsewhere_is_counted_until_its_channel_is_read(house: House) -> None:
    tab, other = await house.tab("jonas"), house.stage.guild.channel("other")
    jonas = house.scene.identities[1].member
    house.stage.mia.post(other, f"hello {jonas.mention}")

    def pings(frame: Json) -> dict[str, int]:
        return {each["name"]: each["pings"] for each in frame["guilds"][0]["channels"]}

    await tab.until(lambda frame: frame["is"] == "places" and pings(frame).get("other") == 1)
    await tab.found("open", channel=str(other.id))
    await tab.until(lambda frame: frame["is"] == "places" and pings(frame)["other"] == 0)


async def test_a_message_that_is_too_long_is_refused(house: House) -> None:
    tab = await house.tab()
    answer = await tab.ask("post", channel=str(house.stage.songs.id), content="a" * 2001)

    assert answer["refused"] == "a message takes up to 2000 characters, not 2001"


async def test_somebody_else_is_somebody_else(house: House) -> None:
    tab = await house.tab("mia")
    await tab.socket.send_json({"do": "be", "person": str(house.scene.identities[1].member.id)})
    await tab.until(lambda frame: frame["is"] == "welcome")
    await tab.found("post", channel=str(house.stage.songs.id), content="mine")

    assert house.stage.songs.messages[-1].author.name == "Jonas"


@pytest.mark.parametrize("name", [sample.name for sample in SAMPLES])
async def test_every_sample_can_be_had(house: House, name: str) -> None:
    upload = await house.scene.samples.get(name)

    assert upload.name == name
    assert len(upload.data) > 500


async def test_a_lever_that_is_still_under_way_is_not_pulled_twice(house: House) -> None:
    tab = await house.tab()
    said = [await tab.found("pull", lever="unreachable") for _ in range(2)]

    assert said[0] == said[1]
    assert "eight seconds" in said[0]


async def test_a_page_before_or_after_something_odd_is_the_latest_one(house: House) -> None:
    house.stage.mia.post(house.stage.songs, "one")
    tab, songs = await house.tab(), str(house.stage.songs.id)

    for odd in ("x", "9" * 5000, "-1", "²"):
        for side in ("before", "after"):
            assert [each["content"] for each in (await tab.found("open", channel=songs, **{side: odd}))["messages"]]


async def test_an_option_that_nobody_knows_is_refused(house: House) -> None:
    tab, songs = await house.tab(), str(house.stage.songs.id)

    values: list[object] = [None, 1, "9" * 5000, []]
    for value in values:
        answer = await tab.ask("command", channel=songs, name="extend", options={"odd": value})
        assert "odd" in answer["refused"]


async def test_suggestions_come_beside_options_of_any_name(house: House) -> None:
    options = [{"type": 3, "name": name, "description": "D", "autocomplete": True} for name in ("value", "timeout")]
    await house.stage.api.announce({"name": "odd", "description": "Odd", "type": 1, "options": options})
    tab, songs = await house.tab(), str(house.stage.songs.id)
    suggest = {"do": "suggest", "channel": songs, "name": "odd", "focused": "timeout", "options": {"value": "v"}}
    interactions = house.stage.discord.world.interactions

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(tab.until(lambda frame: frame.get("to") == 9))
        await tab.socket.send_json({**suggest, "ask": 9})
        await house.stage.discord.world.changes.until(lambda: bool(interactions), wanted="an interaction", seen=str)
        (interaction,) = interactions.values()
        choices = [{"name": "Long", "value": "long"}]
        await house.stage.api.answer(Invocation(interaction), {"type": 8, "data": {"choices": choices}})

    assert (await asking)["found"] == choices


async def test_the_panel_keeps_up_however_often_it_is_hidden_and_shown(house: House) -> None:
    tab = await house.tab()
    await tab.found("behind", shown=True)
    for shown in (False, True, False, True):
        await tab.socket.send_json({"do": "behind", "shown": shown})
    await tab.found("behind", shown=True)
    house.scene.suno.credits = 41

    await tab.until(lambda frame: frame["is"] == "behind" and frame.get("account", {}).get("credits") == 41)


async def test_a_window_that_reads_nothing_is_cut_off() -> None:
    cut: list[str] = []
    outbox = Outbox(lambda: cut.append("cut"), most_bytes=1000)
    for _ in range(20):
        outbox.put(b"x" * 100)
    outbox.end()

    assert cut == ["cut"]
    assert await outbox.next() is None


async def test_a_window_that_reads_in_time_gets_everything() -> None:
    cut: list[str] = []
    outbox = Outbox(lambda: cut.append("cut"), most_bytes=1000)
    for number in range(50):
        outbox.put(b"x" * 100)
        outbox.put(str(number).encode())
        assert [await outbox.next(), await outbox.next()] == [b"x" * 100, str(number).encode()]

    assert cut == []
