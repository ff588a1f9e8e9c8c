"""What a member asked of the bot, as Discord keeps it: token, deadlines, answers."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from bot.sandbox.discord.world.changes import Changes
from bot.sandbox.discord.world.channels import Channel, Message
from bot.sandbox.discord.world.people import Person
from bot.sandbox.discord.world.shapes import Json, Kind, News, Origin


class Callback(IntEnum):
    """Types of a first answer (docs/discord.md 2.1)."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


ANSWERS: dict[Kind, frozenset[Callback]] = {
    Kind.COMMAND: frozenset({Callback.MESSAGE, Callback.DEFERRED_MESSAGE, Callback.MODAL}),
    Kind.COMPONENT: frozenset(Callback) - {Callback.CHOICES},
    Kind.AUTOCOMPLETE: frozenset({Callback.CHOICES}),
    Kind.MODAL_SUBMIT: frozenset(
        {Callback.MESSAGE, Callback.DEFERRED_MESSAGE, Callback.DEFERRED_UPDATE, Callback.UPDATE}
    ),
}
"""Which answers each interaction takes. A modal submit takes an update only if a component opened the modal."""
CALLBACK_NAMES = {kind.value: kind.name.lower().replace("_", " ") for kind in Callback}


class State(IntEnum):
    """What the member's client shows."""

    WAITING = 0  # less than three seconds old, nothing answered
    THINKING = 1  # deferred, the answer is yet to come
    ANSWERED = 2
    FAILED = 3  # "The application did not respond"


@dataclass(slots=True, kw_only=True, eq=False)
class Interaction:
    """`source` is the message whose component was used, `opened_by` what opened the form that was sent.

    `original` is the first answer once there is one; after an update it is `source`.
    """

    id: int
    kind: Kind
    member: Person
    channel: Channel
    data: Json
    created_at: datetime
    upload_limit_bytes: int
    owners: dict[str, str]
    source: Message | None = None
    opened_by: "Interaction | None" = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(96))
    answered: Callback | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] | None = None
    modal: Json | None = None
    is_given_up: bool = False
    changes: Changes = field(default_factory=Changes)

    def give_up(self) -> None:
        """The application's endpoint refused it or did not answer; that its token is void then is assumed."""
        self.is_given_up = True
        self.changes.tell()

    @property
    def is_user_installed_only(self) -> bool:
        return set(self.owners) == {"1"}

    @property
    def what(self) -> str:
        """A name for the message of a failing test."""
        return str(self.data.get("name") or self.data.get("custom_id"))

    @property
    def age_seconds(self) -> float:
        return (self.channel.world.clock() - self.created_at).total_seconds()

    @property
    def state(self) -> State:
        """What the member's client shows now."""
        options = self.channel.world.options
        if self.answered is None:
            if self.is_given_up:
                return State.FAILED
            return State.FAILED if self.age_seconds > options.acknowledge_seconds else State.WAITING
        if self.answered is Callback.DEFERRED_MESSAGE and self.original is not None and self.original.is_thinking:
            return State.FAILED if self.age_seconds > options.interaction_seconds else State.THINKING
        return State.ANSWERED

    @property
    def origin(self) -> Origin:
        """What its answers say about it."""
        return Origin(
            id=self.id,
            kind=self.kind,
            member=self.member,
            owners=self.owners,
            data=self.data,
            source_id=self.source.id if self.source else None,
            opened_by=self.opened_by.origin if self.opened_by else None,
        )


@dataclass(frozen=True, slots=True)
class InteractionNews(News):
    """A member has used a command, a component or a form; also when Discord delivers it again."""

    interaction: Interaction
