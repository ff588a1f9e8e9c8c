"""How to refuse a request."""

from aiohttp import web


def closing(answer: web.HTTPException) -> web.HTTPException:
    """Close the connection after this answer, so that the rest of the request is not read as the next one."""
    answer.force_close()
    return answer
