"""What members do besides `/extend` while processes are killed, and what has to be true of it in the end.

They vote, have the same made again and undo that, continue a take, ask for whole songs and lyrics, delete results, and
take turns in a relay.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.domain.lyrics import LyricsOrder, LyricsState
from bot.sandbox.discord import Channel, Invocation, Member, Message, Upload
from bot.sandbox.discord.user.client import ClientRefuses
from bot.sandbox.discord.world.changes import NeverHappened
from bot.sandbox.discord.world.interactions import Interaction
from bot.sandbox.discord.world.shapes import Kind
from storage.storage import SqlStorage, SqlWork
from tests.end_to_end.town import Town

STEP_SECONDS = 5.0
"""How long a member waits for what comes next; the bot may be dead."""
UNDO_SECONDS = 5.0
SOON = timedelta(minutes=1)
"""A relay whose turn somebody has taken is due much later, and nobody waits for that."""
JOINING = "I'm joining the whole song"
TURN = "Take the next turn"
OF_RELAYS = re.compile(r"turn \d+, by |A relay begins here|this relay is finished|nothing came of")
DONE = re.compile(r"turn (\d+), by ")
BELOW = re.compile(r"Take (\d+) · (\d+)")


@dataclass(eq=False)
class Vote:
    click: Invocation
    message: Message
    take: int


@dataclass(eq=False)
class Deeds:
    """`one` does something and returns once the first click is on its way; the rest of it follows in the background."""

    town: Town
    chance: random.Random
    thread: Channel
    again: list[tuple[Invocation, Invocation | None]] = field(default_factory=list)  # with the click on `Undo`
    votes: list[Vote] = field(default_factory=list)
    songs: list[Invocation] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _voting: set[tuple[int, int]] = field(default_factory=set)

    async def begin(self) -> None:
        """Two results, below which members can do something."""
        for _ in range(2):
            await self._extend(self.town.mia, self.town.songs)
        await self.town.songs.wait_until(lambda _: len(self._results(self.town.mia)) == 2, timeout=30)

    async def one(self, member: Member, channel: Channel) -> None:
        deeds: dict[str, Callable[[Member, Channel], Awaitable[None]]] = {
            "extend": self._extend,
            "vote": self._vote,
            "again": self._again,
            "continue": self._continue,
            "whole song": self.whole_song,
            "lyrics": self.lyrics,
            "turn": self._turn,
            "delete": self._delete,
        }
        (name,) = self.chance.choices([*deeds], weights=[4, 4, 2, 2, 3, 3, 3, 1])
        if name not in {"extend", "lyrics", "turn"} and not self._results(member):
            name = "extend"
        self.done[name] += 1
        task = asyncio.create_task(self._tried(deeds[name](member, channel)), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.sleep(0)

    async def finished(self) -> None:
        """Once nobody is doing anything any more."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _tried(self, deed: Awaitable[None]) -> None:
        with suppress(NeverHappened, ClientRefuses, TimeoutError):  # the bot is dead, or a message is gone
            await deed

    async def _extend(self, member: Member, channel: Channel) -> None:
        upload = Upload(self.town.source)
        await member.command(channel, "extend", audio=upload, style="folk", title="Boats", prompt="la")

    async def _vote(self, member: Member, _: Channel) -> None:
        message, take = self._result(member), self.chance.choice([1, 2])
        pair = (message.id, member.id)
        if pair in self._voting:
            return  # it would be a double click, or overtake the first one
        self._voting.add(pair)
        click = await member.click(message, _button(message, f"Take {take} ·"))
        self.votes.append(Vote(click, message, take))
        with suppress(NeverHappened, TimeoutError):
            await click.response(timeout=STEP_SECONDS)
            await asyncio.sleep(3.1)  # a click before that is the second half of a double click
            self._voting.discard(pair)

    async def _again(self, member: Member, _: Channel) -> None:
        wants_to_undo, after = self.chance.random() < 0.7, self.chance.choice([0, 1, UNDO_SECONDS])
        click = await member.click(self._result(member), "Again")
        self.again.append((click, None))
        if wants_to_undo:
            answer = await click.wait_until(lambda message: message.components, timeout=STEP_SECONDS)
            await asyncio.sleep(after)
            self.again.append((click, await member.click(answer, "Undo")))

    async def _continue(self, member: Member, _: Channel) -> None:
        form = await (await member.click(self._result(member), "Extend 1")).opened_modal(timeout=STEP_SECONDS)
        await member.submit_modal(form, {"Style": "folk", "Title": "Boats", "Lyrics or idea": "la"})

    async def whole_song(self, member: Member, _: Channel) -> None:
        message = self._result(member)
        for _again in range(self.chance.choice([1, 1, 2])):
            self.songs.append(await member.click(message, "Whole song"))

    async def lyrics(self, member: Member, channel: Channel) -> None:
        clicks = self.chance.choice([1, 1, 2])
        offered = await member.command(channel, "lyrics", idea="a ferry at night")
        message = await offered.wait_until(lambda shown: shown.components, timeout=STEP_SECONDS)
        for _again in range(clicks):
            await member.click(message, "Write lyrics")

    async def _turn(self, member: Member, _: Channel) -> None:
        buttons = [message for message in self.thread.messages if _has(message, TURN)]
        opened = (
            await member.click(buttons[-1], TURN)
            if buttons
            else await self.town.mia.command(self.thread, "relay start", audio=Upload(self.town.source))
        )
        form = await opened.opened_modal(timeout=STEP_SECONDS)
        member = member if buttons else self.town.mia  # who can begin again, if the bot was killed before
        title = "Boats [[one-track]]"  # nothing to vote for, so the next turn can be taken at once
        await member.submit_modal(form, {"Style": "folk", "Title": title, "Lyrics or idea": "la"})

    async def _delete(self, member: Member, _: Channel) -> None:
        more = await (await member.click(self._result(member), "More…")).response(timeout=STEP_SECONDS)
        question = await (await member.click(more, "Delete")).response(timeout=STEP_SECONDS)
        await member.click(question, "Delete")

    def _result(self, member: Member) -> Message:
        return self.chance.choice(self._results(member))

    def _results(self, member: Member) -> list[Message]:
        """Those in the channels that this member sees, with two takes."""
        return [
            message
            for channel in _channels(self.town)
            if channel.guild is not None and member.id in channel.guild.members
            for message in channel.messages
            if _has(message, "Extend 1")
        ]

    async def are_over(self, storage: SqlStorage) -> bool:
        """Whether no worker has anything left to do for them."""
        reading, soon = storage.reading, datetime.now(UTC) + SOON
        due = [
            await reading.lyrics.next_due(),
            await reading.whole_songs.next_due(),
            await reading.votes.next_due(),
            await reading.relays.next_due(),
        ]
        return not any(at is not None and at < soon for at in due)

    async def a_day_passes(self, work: SqlWork) -> None:
        """For lyrics that were perhaps never sent."""
        for order in await _orders(work, self.town):
            if order.state is LyricsState.SENT and order.sent_at is not None:
                sent_at = order.sent_at - timedelta(days=2)
                await work.lyrics.save(replace(order, sent_at=sent_at, due_at=datetime.now(UTC)))

    async def problems(self, storage: SqlStorage) -> list[str]:
        """What is not as it should be, once everything is over."""
        return [
            *[problem async for problem in self._lyrics_problems(storage)],
            *self._song_problems(),
            *[problem async for problem in self._again_problems(storage)],
            *[problem async for problem in self._vote_problems(storage)],
            *[problem async for problem in self._relay_problems(storage)],
        ]

    async def _lyrics_problems(self, storage: SqlStorage) -> AsyncIterator[str]:
        paid = Counter(task.callback_url for task in self.town.suno.lyrics.tasks.values())
        for url, times in paid.items():
            if times > 1:
                yield f"lyrics were paid {times} times: {url[-6:]}"
        for order in await _orders(storage.reading, self.town):
            if order.state not in {LyricsState.OFFERED, LyricsState.READY, LyricsState.FAILED}:
                yield f"lyrics {order.id} are {order.state} for ever"
            if order.state in {LyricsState.READY, LyricsState.FAILED} and order.told_at is None:
                yield f"nobody knows that lyrics {order.id} are {order.state}"
            if order.task_id is not None and order.state is not LyricsState.READY:
                yield f"lyrics {order.id} were paid for and are {order.state}"

    def _song_problems(self) -> Iterator[str]:
        nonces = Counter(
            message.nonce for channel in (*_channels(self.town), self.thread) for message in channel.all_messages
        )
        for nonce, times in nonces.items():
            if nonce is not None and nonce.startswith("w") and times > 1:
                yield f"a whole song was posted {times} times"
        for click in self.songs:
            is_posted = nonces[f"w{click.interaction.id}"] > 0
            if click.message is not None and click.message.content.startswith(JOINING) and not is_posted:
                yield "a whole song was begun, and its member heard nothing more"

    async def _again_problems(self, storage: SqlStorage) -> AsyncIterator[str]:
        for click, undo in self.again:
            said = undo.message.content if undo is not None and undo.message is not None else ""
            made = await storage.reading.jobs.by_interaction(click.interaction.id)
            if "Undone" in said and made is not None:
                yield f"job {made.short_id} was undone and made all the same"

    async def _vote_problems(self, storage: SqlStorage) -> AsyncIterator[str]:
        latest: dict[tuple[Message, Member], list[Vote]] = {}
        for vote in self.votes:
            latest.setdefault((vote.message, vote.click.interaction.member), []).append(vote)  # type: ignore[arg-type]
        for (message, member), votes in latest.items():
            said = [vote.click.message.content if vote.click.message else "" for vote in votes]
            if not all(said):
                continue  # the bot died before it said whether the vote counts
            kept = await storage.reading.votes.of_member(message.id, member.id)
            expected = None if "took back" in said[-1] else votes[-1].take
            if all("vote" in words for words in said) and (kept.take if kept else None) != expected:
                yield f"{member.name} was told {said!r}, and the vote is {kept}"
        for message in {vote.message for vote in self.votes}:
            shown = {int(take): int(number) for take, number in BELOW.findall(" ".join(_labels(message)))}
            counted = await storage.reading.votes.below(message.id)
            if not message.deleted and {take: counted.get(take, 0) for take in shown} != shown:
                yield f"a message shows {shown} and the votes are {dict(counted)}"

    async def _relay_problems(self, storage: SqlStorage) -> AsyncIterator[str]:
        news = Counter(message.content for message in self.thread.all_messages if DONE.search(message.content))
        for words, times in news.items():
            if times > 1:
                yield f"the thread heard {times} times: {words}"
        if (relay := await storage.reading.relays.open_in(self.thread.id)) is None:
            return
        turns = await storage.reading.relays.turns(relay.id)
        if [turn.number for turn in turns] != [*range(1, len(turns) + 1)]:
            yield f"the turns are {turns}"
        jobs = [await storage.reading.jobs.get(turn.job_id) for turn in turns if turn.job_id]
        made = [job for job in jobs if job is not None and job.state is JobState.DELIVERED]
        for before, after in pairwise(made):
            if after.parent is None or after.parent.job_id != before.id:
                yield f"turn {after.short_id} does not continue {before.short_id}"
        told = {int(number) for words in news for number in DONE.findall(words)}
        if made and turns[-1].job_id is not None and jobs[-1] is made[-1] and turns[-1].number not in told:
            yield f"nobody was told of turn {turns[-1].number}, only of {told}"
        places = Counter(message.nonce for message in self.thread.all_messages if message.nonce)
        if any(times > 1 for nonce, times in places.items() if nonce.startswith("t")):
            yield "news of the relay came twice"


def is_of_deeds(message: Message) -> bool:
    """Whether it is neither about a job's end nor its progress."""
    return "the whole song" in message.content or OF_RELAYS.search(message.content) is not None


def is_written_down_first(interaction: Interaction) -> bool:
    """Whether it is acknowledged only once it is stored, so that no kill loses it. Others are pressed again."""
    is_again = str(interaction.data.get("custom_id", "")).startswith("encore:again:")
    is_form = interaction.kind is Kind.MODAL_SUBMIT
    return is_again or is_form or (interaction.kind is Kind.COMMAND and interaction.data.get("name") == "extend")


async def _orders(work: SqlWork, town: Town) -> list[LyricsOrder]:
    """Every order's id is that of its command."""
    commands = [each.id for each in town.discord.world.interactions.values() if each.data.get("name") == "lyrics"]
    found = [await work.lyrics.get(f"{command:x}") for command in commands]
    return [order for order in found if order is not None]


def _channels(town: Town) -> list[Channel]:
    return [channel for guild in town.discord.world.guilds.values() for channel in guild.channels]


def _labels(message: Message) -> list[str]:
    return [part.get("label", "") for row in message.components for part in row["components"]]


def _has(message: Message, label: str) -> bool:
    return any(each.startswith(label) for each in _labels(message))


def _button(message: Message, beginning: str) -> str:
    """The whole label of the button that begins so."""
    return next((label for label in _labels(message) if label.startswith(beginning)), beginning)
