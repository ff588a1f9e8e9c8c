"""What the browser sends, one JSON object a frame; `ask` numbers what wants an answer.

After `Upload`, the file follows in binary frames. What goes back is laid out in `view.py` and `behind.py`.
"""

from typing import Any, TypeAlias

import msgspec


class Frame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """Ids are Discord's, as text, because they don't fit into JavaScript's numbers."""

    ask: int = 0


class Be(Frame, frozen=True, kw_only=True, tag="be"):
    """Become this person."""

    person: str


class Open(Frame, frozen=True, kw_only=True, tag="open"):
    """Show a channel: the latest messages, or those before, after or around one."""

    channel: str
    before: str = ""
    after: str = ""
    around: str = ""


class Read(Frame, frozen=True, kw_only=True, tag="read"):
    """Everything in this channel has been seen."""

    channel: str


class Post(Frame, frozen=True, kw_only=True, tag="post"):
    channel: str
    content: str = ""
    files: tuple[str, ...] = ()
    replies_to: str = ""


class Forward(Frame, frozen=True, kw_only=True, tag="forward"):
    """Forward a message into a channel."""

    message: str
    channel: str


class Delete(Frame, frozen=True, kw_only=True, tag="delete"):
    message: str


class Command(Frame, frozen=True, kw_only=True, tag="command"):
    """`options` by name: text, number, bool, or the id of a file, user, role or channel."""

    channel: str
    name: str
    options: dict[str, Any] = {}


class Suggest(Frame, frozen=True, kw_only=True, tag="suggest"):
    """Autocomplete for the option `focused`."""

    channel: str
    name: str
    focused: str
    value: str | float = ""
    options: dict[str, Any] = {}


class Click(Frame, frozen=True, kw_only=True, tag="click"):
    message: str
    button: str


class Choose(Frame, frozen=True, kw_only=True, tag="choose"):
    message: str
    menu: str
    values: tuple[str, ...]


class Apps(Frame, frozen=True, kw_only=True, tag="apps"):
    """Use a command from the context menu of a message, or of a person in a channel."""

    name: str
    message: str = ""
    person: str = ""
    channel: str = ""


class Submit(Frame, frozen=True, kw_only=True, tag="submit"):
    """Send the form that this interaction opened; `answers` by custom_id, files by their ids."""

    interaction: str
    answers: dict[str, Any] = {}


class Upload(Frame, frozen=True, kw_only=True, tag="upload"):
    """`file` is the id that the page gives it."""

    file: str
    name: str
    size: int


class Sample(Frame, frozen=True, kw_only=True, tag="sample"):
    """Take a sample piece as the file with this id."""

    file: str
    name: str


class Behind(Frame, frozen=True, kw_only=True, tag="behind"):
    """Show or hide what happens behind the scenes."""

    shown: bool


class Pull(Frame, frozen=True, kw_only=True, tag="pull"):
    lever: str


Request: TypeAlias = (
    Be
    | Open
    | Read
    | Post
    | Forward
    | Delete
    | Command
    | Suggest
    | Click
    | Choose
    | Apps
    | Submit
    | Upload
    | Sample
    | Behind
    | Pull
)

_decoder = msgspec.json.Decoder(Request)


def read(frame: str | bytes) -> Request:
    """Raises `msgspec.DecodeError` for anything else."""
    try:
        request: Request = _decoder.decode(frame)
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deeply") from None
    return request
