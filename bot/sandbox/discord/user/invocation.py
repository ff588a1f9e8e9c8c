"""A command, click or form and its outcome, as the member sees it."""

from collections.abc import Callable
from typing import TypeVar

from bot.sandbox.discord.user.forms import Modal
from bot.sandbox.discord.world.changes import NeverHappened
from bot.sandbox.discord.world.channels import Message
from bot.sandbox.discord.world.interactions import CALLBACK_NAMES, Callback, Interaction, State
from bot.sandbox.discord.world.posts import Version
from bot.sandbox.patience import PATIENCE_SECONDS

Found = TypeVar("Found")


class Invocation:
    """Waiting methods raise `NeverHappened`, which lists what was seen instead."""

    def __init__(self, interaction: Interaction) -> None:
        self.interaction = interaction

    @property
    def state(self) -> State:
        """Whether it waits, shows "thinking", is answered, or failed because nobody answered in time."""
        return self.interaction.state

    @property
    def answered_with(self) -> Callback | None:
        return self.interaction.answered

    @property
    def message(self) -> Message | None:
        """The first answer as it is now: a placeholder while thinking; None before that and after it is deleted."""
        original = self.interaction.original
        return None if original is None or original.deleted else original

    @property
    def followups(self) -> list[Message]:
        return [message for message in self.interaction.followups if not message.deleted]

    @property
    def edits(self) -> list[Version]:
        """What the first answer showed after each of its edits."""
        return self.interaction.original.edits if self.interaction.original else []

    @property
    def modal(self) -> Modal | None:
        """The form that was opened instead of an answer."""
        return Modal(self.interaction) if self.interaction.modal is not None else None

    async def acknowledged(self, *, timeout: float = PATIENCE_SECONDS) -> Callback:
        """Wait for a first answer of any kind, a placeholder included."""
        return await self._until(lambda: self.interaction.answered, "an acknowledgement", timeout)

    async def response(self, *, timeout: float = PATIENCE_SECONDS) -> Message:
        """Wait until the first answer has content. Later edits show up in the same object."""
        return await self.wait_until(lambda _: True, timeout=timeout)

    async def wait_until(self, wanted: Callable[[Message], object], *, timeout: float = PATIENCE_SECONDS) -> Message:
        """Wait until the first answer has content and is `wanted`."""

        def answer() -> Message | None:
            message = self.message
            return message if message is not None and not message.is_thinking and wanted(message) else None

        return await self._until(answer, "an answer", timeout)

    async def opened_modal(self, *, timeout: float = PATIENCE_SECONDS) -> Modal:
        return await self._until(lambda: self.modal, "a form", timeout)

    async def followup(self, number: int = 1, *, timeout: float = PATIENCE_SECONDS) -> Message:
        """The followup of this number, counted from 1."""

        def found() -> Message | None:
            return self.followups[number - 1] if len(self.followups) >= number else None

        return await self._until(found, f"followup {number}", timeout)

    async def failed(self, *, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until the client says that the application did not respond."""
        await self.interaction.changes.until(
            lambda: self.state is State.FAILED, timeout=timeout, wanted=f"failure of {self!r}", seen=self._seen
        )

    async def _until(self, find: Callable[[], Found | None], what: str, timeout: float) -> Found:
        """What `find` finds. Fails as soon as the time to answer is over."""

        def look() -> Found | None:
            found = find()
            if found is None and self.state is State.FAILED:
                raise NeverHappened(f"{what} to {self!r}: the application did not respond. Seen: {self._seen()}")
            return found

        return await self.interaction.changes.until(
            look, timeout=timeout, wanted=f"{what} to {self!r}", seen=self._seen
        )

    def _seen(self) -> str:
        parts = [self.state.name.lower()]
        if self.answered_with is not None:
            parts.append(CALLBACK_NAMES[self.answered_with])
        return ", ".join([*parts, *map(repr, filter(None, [self.message, *self.followups]))])

    def __repr__(self) -> str:
        return f"<{self.interaction.what} by {self.interaction.member.name}>"
