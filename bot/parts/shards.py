"""The shards of this process. Imported only with `SHARDS`."""

from bot.parts.ground import Ground
from bot.services.gateway.shard_leases import ShardLeases
from bot.shard_keeper import ShardKeeper


def shard_keeper(ground: Ground) -> ShardKeeper:
    settings = ground.settings
    leases = ShardLeases(
        ground.storage,
        ground.clock,
        lease_seconds=settings.lease_seconds,
        identify_seconds=settings.identify_seconds,
        is_alone=not settings.postgres_url,
    )
    return ShardKeeper(
        ground.client,
        leases,
        ground.bells.shards,
        ground.clock,
        wanted=settings.shards or None,
        lease_seconds=settings.lease_seconds,
        deaf_seconds=settings.deaf_seconds,
    )
