"""Requests to the music service, by what they ask for and by the code of the answer."""

from collections.abc import Callable

from bot.metrics.definitions import CODES
from bot.metrics.meters import Meters

_REQUESTS = {
    "upload-extend": "extend",
    "file-stream-upload": "upload",
    "record-info": "report",
    "credit": "credits",
    "lyrics": "lyrics",
    "get-timestamped-lyrics": "timed_lyrics",
}


def counting_answers(meters: Meters) -> Callable[[str, int | None, float], None]:
    """For `SunoClient.on_answer`."""

    def answered(url: str, code: int | None, seconds: float) -> None:
        request = _REQUESTS[url.rpartition("/")[2]]
        meters.count("encore_provider_requests_total", request, code_named(code))
        meters.observe("encore_provider_request_seconds", seconds, request)

    return answered


def code_named(code: int | None) -> str:
    """One of a few, whatever the music service thinks of."""
    named = "none" if code is None else str(code)
    return named if named in CODES else "other"
