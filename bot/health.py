"""`encore health`: asks the bot on this machine whether it is ready. Made for health checks, so it imports little."""

import http.client
import json

HEALTH_SECONDS = 5.0
SERVER = "encore"
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # where to call, not where to listen


def own_host(web_host: str) -> str:
    """Where a bot that listens on `WEB_HOST` answers on its own machine."""
    return _ANYWHERE.get(web_host, web_host)


def own_url(web_host: str, port: int) -> str:
    host = own_host(web_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def ask(web_host: str, port: int, *, seconds: float = HEALTH_SECONDS) -> tuple[bool, str]:
    """Whether the bot is ready, and a line about it. Calls `/readyz` and blocks for at most `seconds`."""
    if not port:
        return False, "WEB_PORT is 0, so the bot listens on a port that only its log names: set WEB_PORT"
    url = own_url(web_host, port)
    connection = http.client.HTTPConnection(own_host(web_host), port, timeout=seconds)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read(4096)
    except (OSError, http.client.HTTPException) as error:
        return False, f"no bot answers at {url} ({_in_words(error)})"
    finally:
        connection.close()
    if response.headers.get("Server") != SERVER:
        return False, f"another program answers at {url}: stop it, or change WEB_PORT"
    parts = _parts(body)
    if response.status == 200 and parts:
        return True, f"ready: {', '.join(parts)}"
    away = [name for name, works in parts.items() if not works]
    return False, f"not ready: {', '.join(away) or f'HTTP {response.status}'}"


def _parts(body: bytes) -> dict[str, bool]:
    try:
        parts = json.loads(body)
    except ValueError:
        return {}
    return {str(name): works is True for name, works in parts.items()} if isinstance(parts, dict) else {}


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
