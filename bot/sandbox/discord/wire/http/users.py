"""The bot's user and application, its servers, direct conversations, and the gateway's address."""

from bot.sandbox.discord.refuse import fields, limits
from bot.sandbox.discord.refuse.limits import Problems, Refused
from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.wire.calls import Answer, Call, Route
from bot.sandbox.discord.world.guilds import Guild
from bot.sandbox.discord.world.state import World

GUILDS_MAX = 200


class UserRoutes:
    """`gateway_url` is a list because it is filled in once the server listens."""

    def __init__(self, world: World, gateway_url: list[str]) -> None:
        self._world = world
        self._gateway_url = gateway_url

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", template="/users/@me", handler=self._me),
            Route(method="GET", template="/users/@me/guilds", handler=self._guilds),
            Route(method="DELETE", template="/users/@me/guilds/{guild_id}", handler=self._leave),
            Route(method="POST", template="/users/@me/channels", handler=self._open_dm),
            Route(method="GET", template="/users/{user_id}", handler=self._user),
            Route(method="GET", template="/applications/@me", handler=self._application),
            Route(method="GET", template="/oauth2/applications/@me", handler=self._application),
            Route(method="GET", template="/guilds/{guild_id}", handler=self._guild),
            Route(method="GET", template="/guilds/{guild_id}/channels", handler=self._guild_channels),
            Route(method="GET", template="/guilds/{guild_id}/members/{user_id}", handler=self._guild_member),
            Route(method="GET", template="/gateway", handler=self._gateway, open=True),
            Route(method="GET", template="/gateway/bot", handler=self._gateway_bot),
        ]

    def _me(self, call: Call) -> Answer:
        del call
        return payloads.own_user(self._world.bot)

    def _application(self, call: Call) -> Answer:
        del call
        return payloads.application(self._world)

    def _user(self, call: Call) -> Answer:
        person = self._world.people.get(call.id("user_id"))
        if person is None:
            raise Refused(limits.UNKNOWN_USER)
        return payloads.user(person)

    def _open_dm(self, call: Call) -> Answer:
        """Opening one never shows whether the person takes messages; posting does (50007)."""
        problems = Problems()
        recipient_id = fields.snowflake(call.json.get("recipient_id"))
        if recipient_id is None:
            problems.add(*fields.REQUIRED, "recipient_id")
        problems.refuse()
        person = self._world.people.get(recipient_id or 0)
        if person is None:
            raise Refused(limits.INVALID_RECIPIENT)
        return payloads.channel(self._world.dm_with(person))

    def _known_guild(self, call: Call) -> Guild:
        guild = self._world.guilds.get(call.id("guild_id"))
        if guild is None or not guild.has_bot:
            raise Refused(limits.UNKNOWN_GUILD)
        return guild

    def _guilds(self, call: Call) -> Answer:
        """A page, in the order of the ids (docs, resources/user, “Get Current User Guilds”)."""
        after, limit = int(call.query.get("after", "0")), int(call.query.get("limit", GUILDS_MAX))
        ids = sorted(guild.id for guild in self._world.guilds.values() if guild.has_bot and guild.id > after)
        keys = ("id", "name", "icon", "banner", "features")
        known = [payloads.guild(self._world.guilds[each]) for each in ids[: min(limit, GUILDS_MAX)]]
        return [{**{key: each[key] for key in keys}, "owner": False, "permissions": "0"} for each in known]

    def _leave(self, call: Call) -> Answer:
        """The bot leaves, and gets GUILD_DELETE (docs, resources/user)."""
        self._known_guild(call).kick_bot()
        return None

    def _guild(self, call: Call) -> Answer:
        return payloads.guild(self._known_guild(call))

    def _guild_channels(self, call: Call) -> Answer:
        return [payloads.channel(channel) for channel in self._known_guild(call).channels]

    def _guild_member(self, call: Call) -> Answer:
        membership = self._known_guild(call).members.get(call.id("user_id"))
        if membership is None:
            raise Refused(limits.UNKNOWN_USER)
        return payloads.member(membership)

    def _gateway(self, call: Call) -> Answer:
        del call
        return {"url": self._gateway_url[0]}

    def _gateway_bot(self, call: Call) -> Answer:
        del call
        options = self._world.options
        left = {
            "total": 1000,
            "remaining": options.sessions_left,
            "reset_after": 86_400_000,
            "max_concurrency": options.max_concurrency,
        }
        return {"url": self._gateway_url[0], "shards": options.shards, "session_start_limit": left}
