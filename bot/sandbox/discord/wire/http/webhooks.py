"""What may follow the first answer for fifteen minutes: edits and followups (docs/discord.md 2.1)."""

from bot.sandbox.discord.refuse import limits
from bot.sandbox.discord.refuse.limits import Refused
from bot.sandbox.discord.wire import answers, payloads
from bot.sandbox.discord.wire.calls import Answer, Call, Route
from bot.sandbox.discord.world import posting
from bot.sandbox.discord.world.channels import Message
from bot.sandbox.discord.world.interactions import Callback, Interaction
from bot.sandbox.discord.world.state import World

WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"


class WebhookRoutes:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        found = [Route(method="POST", template=WEBHOOK, handler=self._followup, open=True)]
        for template in (f"{WEBHOOK}/messages/@original", f"{WEBHOOK}/messages/{{message_id}}"):
            found += [
                Route(method="GET", template=template, handler=self._get, open=True),
                Route(method="PATCH", template=template, handler=self._edit, open=True),
                Route(method="DELETE", template=template, handler=self._delete, open=True),
            ]
        return found

    def _interaction(self, call: Call) -> Interaction:
        """Raises `Refused`: 50027 for a dead or wrong token, 10015 before the first answer."""
        interaction = self._world.by_token.get(call.params["webhook_token"])
        if call.id("webhook_id") != self._world.application_id:
            raise Refused(limits.UNKNOWN_WEBHOOK)
        if interaction is None:
            raise Refused(limits.INVALID_TOKEN)
        if interaction.age_seconds > self._world.options.interaction_seconds:
            raise Refused(limits.INVALID_TOKEN)
        if interaction.answered is None:
            raise Refused(limits.UNKNOWN_WEBHOOK)
        return interaction

    def _message(self, call: Call, interaction: Interaction) -> Message:
        if "message_id" not in call.params:
            message = interaction.original
        else:
            mine = [interaction.original, *interaction.followups]
            message = next((each for each in mine if each and each.id == call.id("message_id")), None)
        if message is None or message.deleted or message.channel.deleted:
            raise Refused(limits.UNKNOWN_MESSAGE)
        return message

    def _followup(self, call: Call) -> Answer:
        interaction = self._interaction(call)
        if interaction.channel.deleted:
            raise Refused(limits.UNKNOWN_CHANNEL)
        original = interaction.original
        if interaction.answered is Callback.DEFERRED_MESSAGE and original is not None and original.is_thinking:
            answers.change(interaction, original, call.body, call.json)  # kept by Discord for old bots
            return payloads.message(original)
        if interaction.is_user_installed_only and len(interaction.followups) >= limits.FOLLOWUPS_WHEN_USER_INSTALLED:
            raise Refused(limits.TOO_MANY_FOLLOWUPS)
        message = answers.followup(interaction, call.body, call.json)
        interaction.followups.append(message)
        interaction.changes.tell()
        return payloads.message(message)

    def _get(self, call: Call) -> Answer:
        return payloads.message(self._message(call, self._interaction(call)))

    def _edit(self, call: Call) -> Answer:
        interaction = self._interaction(call)
        message = self._message(call, interaction)
        answers.change(interaction, message, call.body, call.json)
        interaction.changes.tell()
        return payloads.message(message)

    def _delete(self, call: Call) -> Answer:
        interaction = self._interaction(call)
        posting.delete(self._message(call, interaction))
        interaction.changes.tell()
        return None
