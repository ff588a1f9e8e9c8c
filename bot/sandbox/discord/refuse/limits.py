"""Everything that is refused, as data: code, HTTP status, words and the source of the rule.

Sources: `docs` is Discord's documentation or its OpenAPI description, `discord-api-docs#…` a thread
of that project; docs/discord.md is cited with its section. docs/sandbox-discord.md says what is assumed beyond them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.sandbox.discord.world.shapes import Json


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    code: int
    message: str
    source: str


UNAUTHORIZED = Refusal(401, 0, "401: Unauthorized", "docs")
NOT_FOUND = Refusal(404, 0, "404: Not Found", "docs, topics/opcodes-and-status-codes")
NOT_ALLOWED = Refusal(405, 0, "405: Method Not Allowed", "docs, topics/opcodes-and-status-codes")
NOT_PLAYED = Refusal(501, 0, "the stand-in does not play this", "the stand-in's own")
UNKNOWN_CHANNEL = Refusal(404, 10003, "Unknown Channel", "docs, topics/opcodes-and-status-codes")
UNKNOWN_GUILD = Refusal(404, 10004, "Unknown Guild", "docs, topics/opcodes-and-status-codes")
UNKNOWN_MESSAGE = Refusal(
    404, 10008, "Unknown Message", "docs, topics/opcodes-and-status-codes; docs/discord.md 2.2, 3.3"
)
UNKNOWN_USER = Refusal(404, 10013, "Unknown User", "docs, topics/opcodes-and-status-codes")
UNKNOWN_WEBHOOK = Refusal(404, 10015, "Unknown Webhook", "docs/discord.md 2.1")
UNKNOWN_INTERACTION = Refusal(404, 10062, "Unknown interaction", "docs/discord.md 2.1")
UNKNOWN_COMMAND = Refusal(404, 10063, "Unknown application command", "docs, topics/opcodes-and-status-codes")
OTHER_APPLICATION = Refusal(
    403,
    20012,
    "You are not authorized to perform this action on this application",
    "docs, topics/opcodes-and-status-codes",
)
TOO_MANY_OLD_EDITS = Refusal(
    429,
    30046,
    "Maximum number of edits to messages older than 1 hour reached. Try again later",
    "docs, topics/opcodes-and-status-codes; docs/discord.md 3.4; status as users report it",
)
TOO_MANY_COMMANDS = Refusal(
    400,
    30032,
    "Maximum number of application commands reached",
    "docs, topics/opcodes-and-status-codes; docs/discord.md 1.1",
)
TOO_MANY_CREATES = Refusal(
    400, 30034, "Max number of daily application command creates has been reached (200)", "docs/discord.md 1.1"
)
REQUEST_TOO_LARGE = Refusal(413, 40005, "Request entity too large", "docs/discord.md 3.1")
ALREADY_ACKNOWLEDGED = Refusal(400, 40060, "Interaction has already been acknowledged.", "docs/discord.md 2.1, 5.4")
TOO_MANY_FOLLOWUPS = Refusal(
    400, 40094, "This interaction has reached the maximum number of follow-up messages.", "docs/discord.md 2.1"
)
MISSING_ACCESS = Refusal(403, 50001, "Missing Access", "docs, topics/opcodes-and-status-codes")
OTHERS_MESSAGE = Refusal(
    403, 50005, "Cannot edit a message authored by another user", "docs, topics/opcodes-and-status-codes"
)
EMPTY_MESSAGE = Refusal(400, 50006, "Cannot send an empty message", "docs, topics/opcodes-and-status-codes")
CLOSED_TO_MESSAGES = Refusal(403, 50007, "Cannot send messages to this user", "docs, topics/opcodes-and-status-codes")
NO_TEXT_CHANNEL = Refusal(
    400, 50008, "Cannot send messages in a non-text channel", "docs, topics/opcodes-and-status-codes; topics/threads"
)
MISSING_PERMISSIONS = Refusal(
    403, 50013, "Missing Permissions", "docs, topics/opcodes-and-status-codes; docs/discord.md 2.2"
)
INVALID_TOKEN = Refusal(401, 50027, "Invalid Webhook Token", "docs/discord.md 2.1")
INVALID_RECIPIENT = Refusal(400, 50033, "Invalid Recipient(s)", "docs, topics/opcodes-and-status-codes")
ARCHIVED_THREAD = Refusal(
    400, 50083, "Thread is archived", "docs, topics/threads, topics/opcodes-and-status-codes; status as users report it"
)
ANSWER_IN_LOCKED_THREAD = Refusal(403, 50083, "Thread is archived", "discord-api-docs#6884, #7707")
INVALID_BODY = Refusal(400, 50035, "Invalid Form Body", "docs, docs/discord.md 1 to 3")
INVALID_JSON = Refusal(400, 50109, "The request body contains invalid JSON.", "docs, topics/opcodes-and-status-codes")
NO_HISTORY_FOR_REPLY = Refusal(
    400,
    160002,
    "You cannot reply to a message without permission to read message history",
    "docs, topics/opcodes-and-status-codes",
)
LOCKED_THREAD = Refusal(
    403, 160005, "Thread is locked", "docs, topics/threads, topics/opcodes-and-status-codes; status assumed"
)
RATE_LIMITED = Refusal(429, 0, "You are being rate limited.", "docs/discord.md 5.1, 5.2")


class Refused(Exception):
    """The request is answered with `refusal`; `errors` names the fields, nested as the body is.

    `retry_after` in seconds, for refusals that are only temporary.
    """

    def __init__(
        self,
        refusal: Refusal,
        errors: Json | None = None,
        *,
        because: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{refusal.status} {refusal.code} {refusal.message} {because}".strip())
        self.refusal = refusal
        self.errors = errors
        self.because = because
        self.retry_after = retry_after

    def body(self) -> Json:
        said = f"{self.refusal.message} ({self.because})" if self.because else self.refusal.message
        answer: Json = {"message": said, "code": self.refusal.code}
        if self.errors:
            answer["errors"] = self.errors
        if self.retry_after is not None:
            answer |= {"retry_after": round(self.retry_after, 3), "global": False}
        return answer


class Problems:
    """Gathers everything wrong with a body, field by field, so that one refusal names it all."""

    def __init__(self) -> None:
        self._found: list[tuple[tuple[str, ...], str, str]] = []
        self._path: tuple[str, ...] = ()

    @contextmanager
    def at(self, *keys: str | int) -> Iterator[None]:
        before = self._path
        self._path = (*before, *map(str, keys))
        try:
            yield
        finally:
            self._path = before

    def add(self, code: str, message: str, *keys: str | int) -> None:
        self._found.append(((*self._path, *map(str, keys)), code, message))

    def __bool__(self) -> bool:
        return bool(self._found)

    def refuse(self) -> None:
        """Raises `Refused` with code 50035 when anything was found."""
        if self._found:
            raise Refused(INVALID_BODY, self.as_json())

    def as_json(self) -> Json:
        root: Json = {}
        for path, code, message in self._found:
            node = root
            for key in path:
                node = node.setdefault(key, {})
            node.setdefault("_errors", []).append({"code": code, "message": message})
        return root


CONTENT_MAX = 2000  # docs/discord.md 3
EMBEDS_MAX = 10
EMBED_TITLE_MAX = 256
EMBED_DESCRIPTION_MAX = 4096
PICTURE_DESCRIPTION_MAX = 4096  # RichEmbedImage and RichEmbedThumbnail in Discord's OpenAPI document
EMBED_FIELDS_MAX = 25
FIELD_NAME_MAX = 256
FIELD_VALUE_MAX = 1024
FOOTER_MAX = 2048
AUTHOR_MAX = 256
EMBEDS_TOTAL_MAX = 6000
URL_MAX = 2048  # docs, OpenAPI

ROWS_MAX = 5
BUTTONS_MAX = 5
LABEL_MAX = 80
CUSTOM_ID_MAX = 100
BUTTON_URL_MAX = 512
SELECT_OPTIONS_MAX = 25
SELECT_TEXT_MAX = 100
SELECT_PLACEHOLDER_MAX = 150
V2_COMPONENTS_MAX = 40
V2_TEXT_MAX = 4000

ATTACHMENTS_MAX = 10
ATTACHMENT_TEXT_MAX = 1024
NONCE_MAX = 25
MENTIONS_MAX = 100  # docs, OpenAPI

MODAL_TITLE_MAX = 45
MODAL_ROWS_MAX = 5
MODAL_LABEL_MAX = 45
MODAL_DESCRIPTION_MAX = 100
TEXT_INPUT_MAX = 4000
PLACEHOLDER_MAX = 100

CHOICES_MAX = 25
CHOICE_TEXT_MAX = 100
COMMAND_NAME_MAX = 32
COMMAND_DESCRIPTION_MAX = 100
COMMAND_OPTIONS_MAX = 25
COMMAND_TOTAL_MAX = 8000
COMMANDS_MAX = {1: 100, 2: 15, 3: 15}
OPTION_TEXT_MAX = 6000
INTEGER_MAX = 2**53 - 1
NUMBER_MAX = 2**53

FOLLOWUPS_WHEN_USER_INSTALLED = 5
HISTORY_MAX = 100
LOCALES: frozenset[str] = frozenset(
    {"ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "he", "hi", "hr", "hu", "id"}
    | {"it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk", "vi", "zh-CN", "zh-TW"}
)
