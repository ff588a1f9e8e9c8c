"""Answers of the API: envelopes, and answers that are not even that."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from bot.sandbox.suno.envelopes import Json, envelope
from bot.sandbox.suno.troubles import AnswerKind, AnswerTrouble

GATEWAY_PAGE = (
    "<html>\r\n<head><title>{code}</title></head>\r\n<body><center><h1>{code}</h1></center></body>\r\n</html>"
)
MAINTENANCE_PAGE = "<!doctype html><html><body><h1>One moment, please</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """`closing` is set when the server ends, so that no answer is withheld longer."""

    real_http_status: bool
    hold_seconds: float
    closing: asyncio.Event

    def json(self, body: Json) -> web.Response:
        """Errors are HTTP 200 with their code in the body, unless `real_http_status` (docs/provider.md 1.4)."""
        code = int(str(body["code"]))
        status = code if self.real_http_status and code != 200 else 200
        return web.json_response(body, status=status)

    def error(self, code: int, message: str) -> web.Response:
        return self.json(envelope(code, message))

    async def troubled(self, request: web.Request, trouble: AnswerTrouble) -> web.Response:
        match trouble.kind:
            case AnswerKind.ERROR:
                return self.error(trouble.code, trouble.message)
            case AnswerKind.HTTP:
                page = GATEWAY_PAGE.format(code=trouble.code)
                return web.Response(status=trouble.code, text=page, content_type="text/html")
            case AnswerKind.HTML:
                return web.Response(text=MAINTENANCE_PAGE, content_type="text/html")
            case AnswerKind.NO_TASK_ID:
                return self.json(envelope(200, "success"))
            case AnswerKind.HOLD:
                await self.hold()
        return hang_up(request)

    async def hold(self) -> None:
        """Withhold the answer until the server closes, or `hold_seconds` have passed."""
        try:
            async with asyncio.timeout(self.hold_seconds):
                await self.closing.wait()
        except TimeoutError:
            return


def hang_up(request: web.Request) -> web.Response:
    """Close the connection. The returned response reaches nobody."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
