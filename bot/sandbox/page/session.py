"""One window of the page: one WebSocket, one person, one open channel."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from bot.sandbox.discord.user.client import ClientRefuses, Upload
from bot.sandbox.discord.user.forms import Modal
from bot.sandbox.discord.user.invocation import Invocation
from bot.sandbox.discord.user.member import Member
from bot.sandbox.discord.world.changes import NeverHappened
from bot.sandbox.discord.world.channels import Channel, Message, MessageNews
from bot.sandbox.discord.world.interactions import State
from bot.sandbox.discord.world.shapes import Happened, Json, News, id_in
from bot.sandbox.page import composer, protocol, view
from bot.sandbox.page.behind import Watcher
from bot.sandbox.page.levers import Levers
from bot.sandbox.page.outbox import Outbox
from bot.sandbox.page.scene import Scene

FILES_MAX_BYTES = 512 * 1024 * 1024
"""All files that one window has picked; the stand-in refuses a single one that is too large."""


class Session:
    """What it says to the browser goes into `outbox`."""

    def __init__(self, scene: Scene, levers: Levers, member: Member, outbox: Outbox) -> None:
        self.scene = scene
        self.member = member
        self.outbox = outbox
        self._levers = levers
        self._channel: Channel | None = None
        self.crashes: list[Exception] = []
        self._files: dict[str, Upload] = {}
        self._receiving: tuple[protocol.Upload, bytearray] | None = None
        self._forms: dict[str, Modal] = {}
        self._places_are_stale = False
        self._watcher = Watcher(scene, self._send, self.crashes.append)
        self._tasks: set[asyncio.Task[None]] = set()
        self._handlers: dict[type[protocol.Frame], Callable[[Any], Awaitable[object] | object]] = {
            protocol.Be: self._be,
            protocol.Open: self._open,
            protocol.Read: self._read,
            protocol.Post: self._post,
            protocol.Forward: self._forward,
            protocol.Delete: self._delete,
            protocol.Command: self._command,
            protocol.Suggest: self._suggest,
            protocol.Click: self._click,
            protocol.Choose: self._choose,
            protocol.Apps: self._apps,
            protocol.Submit: self._submit,
            protocol.Upload: self._upload,
            protocol.Sample: self._sample,
            protocol.Behind: self._behind,
            protocol.Pull: self._pull,
        }

    def welcome(self) -> None:
        """Say who and where one is."""
        world = self.scene.discord.world
        notes = {each.member.id: each.note for each in self.scene.identities}
        self._send(
            {
                "is": "welcome",
                "me": str(self.member.id),
                "identities": view.people((each.member for each in self.scene.identities), notes),
                "bot": view.person(world.bot),
                "samples": self.scene.samples.listed,
                "levers": self._levers.listed,
                "ahead_ms": round(self.scene.ahead_seconds * 1000),
                "deadline_ms": round(self.scene.discord.options.acknowledge_seconds * 1000),
            }
        )
        self._send_places()

    async def close(self) -> None:
        self._watcher.hide()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, self._watcher.closed(), return_exceptions=True)

    # What the browser says

    def hear(self, frame: str) -> None:
        """Begin what the browser asks for; each answer carries the number of its question.

        Raises:
            msgspec.DecodeError: the frame is none of `protocol`'s.
        """
        request = protocol.read(frame)
        if isinstance(request, protocol.Be | protocol.Upload):  # later frames depend on them
            self._handlers[type(request)](request)
            return
        self._start(self._answered(request))

    def hear_bytes(self, data: bytes) -> None:
        """The next part of the file that is being uploaded."""
        if self._receiving is None:
            return
        about, received = self._receiving
        received += data
        if len(received) >= about.size:
            self._files[about.file] = Upload(about.name, bytes(received[: about.size]))
            self._receiving = None
            self._send({"is": "answer", "to": about.ask, "found": None})

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, request: protocol.Request) -> None:
        answer: Json = {"is": "answer", "to": request.ask}
        try:
            found = self._handlers[type(request)](request)
            answer["found"] = await found if isinstance(found, Awaitable) else found
        except ClientRefuses as refused:
            answer["refused"] = str(refused)
        except NeverHappened:
            answer["refused"] = "The application did not respond in time"
        except Exception as error:  # noqa: BLE001  # raised when the page's server ends
            self.crashes.append(error)
            answer["refused"] = f"The sandbox itself failed ({type(error).__name__}); please report it"
        self._send(answer)

    def _be(self, request: protocol.Be) -> None:
        member = self.scene.who(request.person)
        if member is None:
            return
        self.member = member
        self._channel = None
        self._forms.clear()
        self.welcome()

    def _open(self, request: protocol.Open) -> Json:
        channel = self._visible(request.channel)
        if not request.before and not request.after:
            self._channel = channel
            self._mark_read(channel)
        if request.around:
            self._message(request.around)
        before, after, around = id_in(request.before), id_in(request.after), id_in(request.around)
        found = view.history(channel, self.member, before=before, after=after, around=around)
        return {**found, "commands": view.commands(self.member, channel)}

    def _read(self, request: protocol.Read) -> None:
        self._mark_read(self._visible(request.channel))

    def _mark_read(self, channel: Channel) -> None:
        if self.scene.marks.read(self.member, channel):
            self._refresh_places()

    def _post(self, request: protocol.Post) -> None:
        channel = self._visible(request.channel)
        files = [self._file(name) for name in request.files]
        if not request.content.strip() and not files:
            raise ClientRefuses("there is nothing to send")
        replies_to = self._message(request.replies_to) if request.replies_to else None
        self.member.post(channel, request.content, *files, replies_to=replies_to)
        self._mark_read(channel)

    def _forward(self, request: protocol.Forward) -> None:
        channel = self._visible(request.channel)
        self.member.forward(self._message(request.message), channel)
        self._mark_read(channel)

    def _delete(self, request: protocol.Delete) -> None:
        self.member.delete_post(self._message(request.message))

    async def _command(self, request: protocol.Command) -> None:
        channel = self._visible(request.channel)
        options = self._options(channel, request.name, request.options)
        self._follow(await self.member.command(channel, request.name, **options))

    async def _suggest(self, request: protocol.Suggest) -> list[Json]:
        channel = self._visible(request.channel)
        options = self._options(channel, request.name, request.options)
        choices = await self.member.suggestions(channel, request.name, request.focused, request.value, options)
        return [{"name": choice.name, "value": choice.value} for choice in choices]

    def _options(self, channel: Channel, name: str, given: dict[str, Any]) -> dict[str, Any]:
        return composer.options_for(self.scene.discord.world, channel, name, given, self._files)

    async def _click(self, request: protocol.Click) -> str:
        return self._follow(await self.member.click(self._message(request.message), request.button))

    async def _choose(self, request: protocol.Choose) -> str:
        message = self._message(request.message)
        return self._follow(await self.member.choose(message, request.menu, *request.values))

    async def _apps(self, request: protocol.Apps) -> None:
        if request.message:
            self._follow(await self.member.context_menu(self._message(request.message), request.name))
            return
        world = self.scene.discord.world
        person = world.people.get(id_in(request.person))
        if person is None:
            raise ClientRefuses("there is nobody to use it on")
        channel = self._visible(request.channel)
        self._follow(await self.member.context_menu(person, request.name, channel=channel))

    async def _submit(self, request: protocol.Submit) -> None:
        form = self._forms.get(request.interaction)
        if form is None:
            raise ClientRefuses("no form is open")
        answers = composer.answers_for(form, request.answers, self._files)
        self._follow(await self.member.submit_modal(form, answers))
        del self._forms[request.interaction]

    def _upload(self, request: protocol.Upload) -> None:
        kept = sum(len(file.data) for file in self._files.values())
        if not 0 <= request.size <= FILES_MAX_BYTES - kept:
            self._send({"is": "answer", "to": request.ask, "refused": f"{request.name} is too large"})
            return
        self._receiving = (request, bytearray())
        if not request.size:
            self.hear_bytes(b"")

    async def _sample(self, request: protocol.Sample) -> None:
        try:
            self._files[request.file] = await self.scene.samples.get(request.name)
        except LookupError:
            raise ClientRefuses(f"there is no sample {request.name}") from None

    def _behind(self, request: protocol.Behind) -> None:
        if request.shown:
            self._watcher.show()
        else:
            self._watcher.hide()

    async def _pull(self, request: protocol.Pull) -> str:
        return await self._levers.pull(request.lever)

    # What the world says

    def take(self, news: News) -> None:
        """Something has changed: a message in the open channel is sent, and the list of channels follows."""
        if isinstance(news, MessageNews):
            message = news.message
            if message.channel is self._channel and not self._is_hidden(message):
                self._send_message(news.happened, message)
        self._refresh_places()

    def _is_hidden(self, message: Message) -> bool:
        return message.visible_to not in (None, self.member) or not view.sees(self.member, message.channel)

    def _send_message(self, happened: Happened, message: Message) -> None:
        channel = str(message.channel.id)
        if happened is Happened.GONE:
            self._send({"is": "gone", "channel": channel, "message": str(message.id)})
        else:
            self._send({"is": "message", "channel": channel, "message": view.message(message, self.member)})

    def _refresh_places(self) -> None:
        """Once for all changes of this turn of the event loop."""
        if not self._places_are_stale:
            self._places_are_stale = True
            asyncio.get_running_loop().call_soon(self._send_places)

    def _send_places(self) -> None:
        self._places_are_stale = False
        marks, member = self.scene.marks, self.member
        places = view.places(member, self.scene.discord.world, lambda channel: marks.unread(member, channel))
        self._send({"is": "places", **places, "ahead_ms": round(self.scene.ahead_seconds * 1000)})

    def commands_changed(self) -> None:
        """The bot has announced other commands."""
        if self._channel is not None:
            commands = view.commands(self.member, self._channel)
            self._send({"is": "commands", "channel": str(self._channel.id), "commands": commands})

    # Finding things

    def _visible(self, channel_id: str) -> Channel:
        world = self.scene.discord.world
        channel = self.member.dm if channel_id == str(self.member.dm.id) else world.channels.get(id_in(channel_id))
        if channel is None or not view.sees(self.member, channel):
            raise ClientRefuses("you can't see this channel")
        return channel

    def _file(self, name: str) -> Upload:
        found = self._files.get(name)
        if found is None:  # it was handed over on an earlier connection
            raise ClientRefuses("a file was lost when the connection broke; add it again")
        return found

    def _message(self, message_id: str) -> Message:
        message = self.scene.discord.world.messages.get(id_in(message_id))
        if message is None or not view.visible(self.member, message):
            raise ClientRefuses("this message is gone")
        return message

    def _follow(self, invocation: Invocation) -> str:
        """Report an interaction to the browser now, and again once it is answered or has failed."""
        self._send({"is": "interaction", **view.interaction(invocation.interaction)})
        self._start(self._until_answered(invocation))
        return str(invocation.interaction.id)

    async def _until_answered(self, invocation: Invocation) -> None:
        interaction = invocation.interaction
        await interaction.changes.until(
            lambda: interaction.state is not State.WAITING,
            timeout=self.scene.discord.options.acknowledge_seconds * 10,
            wanted="an answer",
            seen=str,
        )
        if interaction.modal is not None:
            self._forms[str(interaction.id)] = Modal(interaction)
        if interaction.member is self.member:  # or one has become somebody else meanwhile
            self._send({"is": "interaction", **view.interaction(interaction)})

    def _send(self, frame: Json) -> None:
        self.outbox.put(msgspec.json.encode(frame))
