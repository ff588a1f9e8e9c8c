"""The first answer to an interaction: one, in time, of a kind that fits (docs/discord.md 2.1)."""

from dataclasses import replace

from bot.sandbox.discord.refuse import fields, limits, messages
from bot.sandbox.discord.refuse.body import Body
from bot.sandbox.discord.refuse.commands import STRING, check_choices
from bot.sandbox.discord.refuse.limits import Problems, Refused
from bot.sandbox.discord.refuse.modals import check_modal
from bot.sandbox.discord.wire import answers, compose, payloads
from bot.sandbox.discord.wire.calls import Answer, Call, Route
from bot.sandbox.discord.world.interactions import ANSWERS, Callback, Interaction, State
from bot.sandbox.discord.world.posts import EPHEMERAL
from bot.sandbox.discord.world.shapes import Json, Kind
from bot.sandbox.discord.world.state import World


class InteractionRoutes:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        template = "/interactions/{interaction_id}/{interaction_token}/callback"
        return [Route(method="POST", template=template, handler=self._callback, open=True)]

    def _callback(self, call: Call) -> Answer:
        interaction = self._world.interactions.get(call.id("interaction_id"))
        if interaction is None or interaction.token != call.params["interaction_token"]:
            raise Refused(limits.UNKNOWN_INTERACTION)
        if interaction.answered is not None:
            raise Refused(limits.ALREADY_ACKNOWLEDGED)
        if interaction.state is State.FAILED:
            raise Refused(limits.UNKNOWN_INTERACTION)
        _ = call.json  # or refused
        take_answer(interaction, call.body)
        return _answered(interaction) if call.query.get("with_response", "").lower() in ("1", "true") else None


def take_answer(interaction: Interaction, body: Body) -> None:
    """The first answer, a JSON object, to an interaction that waits for one, by whichever way it comes."""
    said: Json = body.value or {}
    callback = _allowed(interaction, said)
    problems = Problems()
    with problems.at("data"):
        data = fields.as_object(said.get("data") or {}, problems)
    problems.refuse()
    _answer(interaction, callback, replace(body, value=data), data)
    interaction.answered = callback
    interaction.changes.tell()
    interaction.channel.world.changes.tell()


def _allowed(interaction: Interaction, said: Json) -> Callback:
    among = set(ANSWERS[interaction.kind])
    if interaction.kind is Kind.MODAL_SUBMIT and interaction.source is None:
        among -= {Callback.UPDATE, Callback.DEFERRED_UPDATE}
    problems = Problems()
    kind = fields.one_of(said, "type", problems, among)
    problems.refuse()
    assert kind is not None  # noqa: S101  # None was refused in the line above
    return Callback(kind)


def _answer(interaction: Interaction, callback: Callback, body: Body, data: Json) -> None:
    problems = Problems()
    hidden = int(fields.number(data, "flags", problems, least=0, most=limits.INTEGER_MAX) or 0) & EPHEMERAL
    problems.refuse()
    if callback in (Callback.MESSAGE, Callback.DEFERRED_MESSAGE):
        answers.check_open(interaction, hidden=bool(hidden))
    if callback is Callback.CHOICES:
        with problems.at("data"):
            check_choices(data, _focused_type(interaction.data.get("options") or []), problems)
        problems.refuse()
        interaction.choices = data.get("choices") or []
    elif callback is Callback.MODAL:
        with problems.at("data"):
            check_modal(data, problems)
        problems.refuse()
        interaction.modal = data
    elif callback is Callback.DEFERRED_MESSAGE:
        flags = hidden | answers.forced_flags(interaction)
        interaction.original = answers.first(interaction, compose.thinking(interaction.channel, flags=flags), {})
    elif callback is Callback.MESSAGE:
        messages.check(body, data, before=None, limit_bytes=interaction.upload_limit_bytes)
        flags = answers.forced_flags(interaction)
        version = compose.compose(body, data, interaction.channel, before=None, flags=flags)
        interaction.original = answers.first(interaction, version, data)
    else:
        if callback is Callback.UPDATE and interaction.source is not None:
            answers.change(interaction, interaction.source, body, data)
        interaction.original = interaction.source


def _focused_type(options: list[Json]) -> int:
    for option in options:
        if option.get("focused"):
            return int(option["type"])
        if option.get("options"):
            return _focused_type(option["options"])
    return STRING


def _answered(interaction: Interaction) -> Json:
    about: Json = {
        "id": str(interaction.id),
        "type": int(interaction.kind),
        "channel_id": str(interaction.channel.id),
    }
    if interaction.channel.guild is not None:
        about["guild_id"] = str(interaction.channel.guild.id)
    found: Json = {"interaction": about}
    original, callback = interaction.original, interaction.answered
    if original is None or callback is None:
        return found
    about |= {
        "response_message_id": str(original.id),
        "response_message_loading": original.is_thinking,
        "response_message_ephemeral": original.is_ephemeral,
    }
    if callback in (Callback.MESSAGE, Callback.UPDATE):
        found["resource"] = {"type": int(callback), "message": payloads.message(original)}
    return found
