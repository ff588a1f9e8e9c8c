"""Shapes of the wire, as Discord's OpenAPI description requires them."""

from datetime import datetime

from bot.sandbox.discord.world.channels import FORUM, VOICE, Channel, Message, Thread
from bot.sandbox.discord.world.guilds import Guild
from bot.sandbox.discord.world.interactions import Interaction
from bot.sandbox.discord.world.people import Person, User
from bot.sandbox.discord.world.posts import DEFAULT, FORWARD, REPLY, Attachment, Snapshot
from bot.sandbox.discord.world.roster import Membership, Role
from bot.sandbox.discord.world.shapes import Json, Kind, Origin
from bot.sandbox.discord.world.state import World

LIMITED_INTENTS = 1 << 13 | 1 << 15 | 1 << 19
"""An application's flags for presences, members and message content in fewer than 100 servers (documented,
resources/application, "Application Flags").
"""


def time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def user(who: User) -> Json:
    found: Json = {
        "id": str(who.id),
        "username": who.name.lower().replace(" ", "_"),
        "discriminator": "0",
        "global_name": who.name,
        "avatar": None,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }
    if who.is_bot:
        found["bot"] = True
    return found


def own_user(who: User) -> Json:
    return {**user(who), "mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}


def member(membership: Membership) -> Json:
    return {"user": user(membership.user), **_partial_member(membership)}


def _partial_member(membership: Membership) -> Json:
    """A member without the user."""
    return {
        "nick": membership.nick,
        "avatar": None,
        "banner": None,
        "roles": [str(role_id) for role_id in sorted(membership.role_ids)],
        "joined_at": time(membership.joined_at),
        "premium_since": None,
        "communication_disabled_until": None,
        "pending": False,
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def role(of: Role) -> Json:
    return {
        "id": str(of.id),
        "name": of.name,
        "permissions": str(int(of.permissions)),
        "position": 0 if of.name == "@everyone" else 1,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": of.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def channel(of: Channel) -> Json:
    last = of.all_messages[-1].id if of.all_messages else None
    found: Json = {
        "id": str(of.id),
        "type": of.kind,
        "flags": 0,
        "last_message_id": str(last) if last else None,
    }
    if of.guild is None:
        return {**found, "recipients": [user(of.recipient)] if of.recipient else []}
    found |= {"guild_id": str(of.guild.id), "name": of.name}
    if isinstance(of, Thread):
        created = time(of.world.clock())
        return {
            **found,
            "parent_id": str(of.parent.id),
            "owner_id": str(of.guild.owner.id),
            "thread_metadata": {
                "archived": of.archived,
                "auto_archive_duration": 1440,
                "archive_timestamp": created,
                "locked": of.locked,
                "create_timestamp": created,
            },
            "message_count": len(of.messages),
            "member_count": len(of.member_ids),
            "total_message_sent": len(of.messages),
            "rate_limit_per_user": 0,
        }
    if of.kind == VOICE:
        found |= {"bitrate": 64_000, "user_limit": 0, "rtc_region": None, "video_quality_mode": 1}
    if of.kind == FORUM:
        found |= {
            "available_tags": [],
            "default_reaction_emoji": None,
            "default_sort_order": None,
            "default_forum_layout": 0,
        }
    return {
        **found,
        "position": of.position,
        "parent_id": None,
        "topic": of.topic or None,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "permission_overwrites": [
            {
                "id": str(subject),
                "type": 0 if subject in of.guild.roles else 1,
                "allow": str(int(overwrite.allow)),
                "deny": str(int(overwrite.deny)),
            }
            for subject, overwrite in of.overwrites.items()
        ],
    }


def guild(of: Guild) -> Json:
    return {
        "id": str(of.id),
        "name": of.name,
        "icon": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": [],
        "banner": None,
        "owner_id": str(of.owner.id),
        "application_id": None,
        "region": "deprecated",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": str(of.system_channel.id) if of.system_channel else None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "roles": [role(each) for each in of.roles.values()],
        "default_message_notifications": 1,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": of.premium_tier,
        "premium_subscription_count": 0,
        "preferred_locale": of.locale,
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
        "incidents_data": None,
    }


def guild_create(of: Guild, world: World) -> Json:
    """What a session is told about a server; of its members only the bot, as without the members intent."""
    threads = [
        each
        for each in world.channels.values()
        if isinstance(each, Thread) and each.guild is of and not each.archived and each.permissions_of(world.bot)
    ]
    own = of.members.get(world.bot.id)
    return {
        **guild(of),
        "unavailable": False,
        "large": False,
        "joined_at": time(own.joined_at) if own else None,
        "member_count": len(of.members),
        "members": [member(own)] if own else [],
        "channels": [channel(each) for each in of.channels],
        "threads": [channel(each) for each in threads],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def attachment(of: Attachment) -> Json:
    found: Json = {
        "id": str(of.id),
        "filename": of.filename,
        "size": of.size_bytes,
        "url": of.url,
        "proxy_url": of.url,
    }
    optional = {"content_type": of.content_type, "title": of.title, "description": of.description}
    found |= {key: value for key, value in optional.items() if value is not None}
    if of.ephemeral:
        found["ephemeral"] = True
    return found


def message(of: Message, *, with_nonce: bool = False, with_reference: bool = True) -> Json:
    """`with_nonce`: only the answer to the request that posted it carries the nonce."""
    found: Json = {
        "id": str(of.id),
        "type": of.kind,
        "channel_id": str(of.channel.id),
        "author": user(of.author),
        "content": of.content,
        "timestamp": time(of.created_at),
        "edited_timestamp": time(of.now.at) if of.edits else None,
        "tts": False,
        "mention_everyone": of.mentions_everyone,
        "mentions": [user(each) for each in of.mentions],
        "mention_roles": [str(role_id) for role_id in of.mention_role_ids],
        "attachments": [attachment(each) for each in of.attachments],
        "embeds": of.embeds,
        "components": of.components,
        "pinned": False,
        "flags": of.flags,
    }
    if with_nonce and of.nonce is not None:
        found["nonce"] = of.nonce
    if of.origin is not None:
        found["application_id"] = str(of.channel.world.application_id)
        found["webhook_id"] = str(of.channel.world.application_id)
        found["interaction_metadata"] = _interaction_metadata(of.origin)
    if of.snapshot is not None:
        found["message_reference"] = _forward_reference(of.snapshot)
        found["message_snapshots"] = [_snapshot(of.snapshot)]
    if of.replies_to is not None and of.kind == REPLY:
        found["message_reference"] = _reference(of.replies_to)
        if with_reference:
            is_gone = of.replies_to.deleted
            found["referenced_message"] = None if is_gone else message(of.replies_to, with_reference=False)
    return found


def bare(found: Json) -> Json:
    """A message as an application sees it that may not read members' messages (docs, resources/message, footnotes).

    That forwarded messages are left out too is assumed.
    """
    hidden: Json = {"content": "", "embeds": [], "attachments": [], "components": []}
    return {**found, **hidden, **({"message_snapshots": []} if "message_snapshots" in found else {})}


def _snapshot(of: Snapshot) -> Json:
    """The least that a snapshot has; authors are left out."""
    version = of.version
    return {
        "message": {
            "type": of.kind,
            "content": version.content,
            "mentions": [],
            "mention_roles": [],
            "attachments": [attachment(each) for each in version.attachments if each.id not in version.embedded_ids],
            "embeds": version.embeds,
            "timestamp": time(version.at),
            "edited_timestamp": None,
            "flags": version.flags,
            "components": version.components,
        }
    }


def message_event(of: Message) -> Json:
    """A message as in MESSAGE_CREATE and MESSAGE_UPDATE (docs, gateway events).

    In a server they carry the author's membership, except for messages of webhooks, such as answers to commands.
    """
    found = {**message(of), "channel_type": of.channel.kind}
    guild = of.channel.guild
    if guild is None:
        return found
    found["guild_id"] = str(guild.id)
    if of.origin is None and of.author.id in guild.members:
        found["member"] = _partial_member(guild.members[of.author.id])
    found["mentions"] = [
        {**user(each), "member": _partial_member(guild.members[each.id])} if each.id in guild.members else user(each)
        for each in of.mentions
    ]
    return found


def deleted_message(of: Message) -> Json:
    """All that MESSAGE_DELETE says."""
    found: Json = {"id": str(of.id), "channel_id": str(of.channel.id)}
    if of.channel.guild is not None:
        found["guild_id"] = str(of.channel.guild.id)
    return found


def _reference(to: Message) -> Json:
    found: Json = {"type": DEFAULT, "message_id": str(to.id), "channel_id": str(to.channel.id)}
    if to.channel.guild is not None:
        found["guild_id"] = str(to.channel.guild.id)
    return found


def _forward_reference(to: Snapshot) -> Json:
    found: Json = {"type": FORWARD, "message_id": str(to.message_id), "channel_id": str(to.channel_id)}
    if to.guild_id is not None:
        found["guild_id"] = str(to.guild_id)
    return found


def _interaction_metadata(of: Origin) -> Json:
    found: Json = {
        "id": str(of.id),
        "type": int(of.kind),
        "user": user(of.member),
        "authorizing_integration_owners": of.owners,
    }
    if of.kind is Kind.COMMAND:
        found |= {"name": of.data["name"], "command_type": of.data["type"]}
    elif of.opened_by is not None:
        found["triggering_interaction_metadata"] = _interaction_metadata(of.opened_by)
    elif of.source_id is not None:
        found["interacted_message_id"] = str(of.source_id)
    return found


def interaction(of: Interaction) -> Json:
    """INTERACTION_CREATE (docs/discord.md 7: required keys)."""
    world = of.channel.world
    guild_ = of.channel.guild
    here = channel(of.channel)
    if of.channel.guild is not None:
        here["permissions"] = str(int(of.channel.permissions_of(of.member)))
    found: Json = {
        "id": str(of.id),
        "application_id": str(world.application_id),
        "type": int(of.kind),
        "token": of.token,
        "version": 1,
        "data": of.data,
        "channel": here,
        "channel_id": str(of.channel.id),
        "app_permissions": str(int(of.channel.bot_permissions)),
        "locale": of.member.locale,
        "entitlements": [],
        "authorizing_integration_owners": of.owners,
        "context": 0 if guild_ else 1,
        "attachment_size_limit": of.upload_limit_bytes,
    }
    if guild_ is None:
        found["user"] = user(of.member)
    else:
        found |= {
            "guild_id": str(guild_.id),
            "guild": {"id": str(guild_.id), "locale": guild_.locale, "features": []},
            "guild_locale": guild_.locale,
            "member": interaction_member(of.channel, of.member),
        }
    if of.source is not None:
        found["message"] = message(of.source)
    return found


def interaction_member(where: Channel, who: Person) -> Json:
    assert where.guild is not None  # noqa: S101  # asked in servers only
    permissions = where.permissions_of(who)
    return {**member(where.guild.members[who.id]), "permissions": str(int(permissions))}


def application(world: World) -> Json:
    options = world.options
    flags = LIMITED_INTENTS if options.privileged_intents else 0
    return {
        "id": str(world.application_id),
        "name": world.bot.name,
        "icon": None,
        "description": "",
        "type": None,
        "bot": user(world.bot),
        "bot_public": options.bot_public,
        "bot_require_code_grant": options.requires_code_grant,
        "verify_key": world.public_key,
        "flags": flags,
        "flags_new": str(flags),
        "redirect_uris": [],
        "interactions_endpoint_url": world.interactions_url or None,
        "role_connections_verification_url": None,
        "owner": user(world.owner),
        "approximate_guild_count": sum(guild.has_bot for guild in world.guilds.values()),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
        "integration_types_config": {str(kind): {} for kind in sorted(options.integration_types)},
    }
