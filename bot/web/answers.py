"""How a request is refused."""

from aiohttp import web


def closing(answer: web.HTTPException) -> web.HTTPException:
    """The answer, after which the connection is closed; what is left of the request is no next one."""
    answer.force_close()
    return answer
