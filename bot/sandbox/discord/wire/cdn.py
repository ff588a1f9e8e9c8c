"""Attachments behind signed links: anyone with a link can fetch the file (docs/discord.md 4)."""

import re

from aiohttp import web

from bot.sandbox.discord.world.posts import Attachment
from bot.sandbox.discord.world.state import World

GONE = "This content is no longer available."
ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Cdn:
    """`vanished`: attachments that are gone, as ephemeral ones are after a time that Discord does not publish."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.vanished: set[int] = set()

    def get(self, request: web.Request) -> web.Response:
        attachment = self._world.attachments.get(int(request.match_info["attachment_id"]))
        path = request.path
        if attachment is None or attachment.path != path or attachment.id in self.vanished:
            return web.Response(status=404, text=GONE)
        if not self._world.links.is_good(path, request.query):
            return web.Response(status=404, text=GONE)
        return _file(attachment, request.headers.get("Range"))


def _file(attachment: Attachment, asked: str | None) -> web.Response:
    """The whole file, or the range of it that a player asks for."""
    data = attachment.data
    headers = {"Content-Type": attachment.content_type or "application/octet-stream", "Accept-Ranges": "bytes"}
    found = ONE_RANGE.fullmatch(asked or "")
    if found is None or not (found[1] or found[2]):
        return web.Response(body=data, headers=headers)
    start = int(found[1]) if found[1] else max(0, len(data) - int(found[2]))
    end = min(int(found[2]), len(data) - 1) if found[1] and found[2] else len(data) - 1
    if start > end:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return web.Response(status=206, body=data[start : end + 1], headers=headers)
