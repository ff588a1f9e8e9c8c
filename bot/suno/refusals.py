"""What an unsuccessful answer means: which error, and whether paid work may have started.

docs/provider.md 1.4. An envelope with an error code means that nothing was started; without one, anything but a plain
refusal counts as silence.
"""

import re

from bot.domain.text import Said, text
from bot.errors import (
    ProviderBusy,
    ProviderError,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
    ProviderUnauthorized,
)
from bot.suno.wire import OK, Envelope, one_line, parse_envelope

UNAUTHORIZED_CODES = frozenset({401, 403})
OUT_OF_CREDITS = 402
CREDITS_OR_RATE_CODES = frozenset({429, 433})  # one provider's "no credits" is the other's "slow down"
TOO_MANY_REQUESTS = 429
BUSY_CODES = frozenset({405, 430, 455})  # rate, rate, maintenance
HOPELESS_SERVER_CODES = frozenset({501, 505, 553})  # failed, feature disabled, voice expired: "retry: no"
REQUEST_TIMEOUT = 408
UNAVAILABLE = 503

# Compiled at their first use, not at the start.
_RATE_WORDS = r"(?i)frequen|too many|rate limit|slow down"
_CREDIT_WORDS = r"(?i)credit|insufficient|balance|top up"
_GATEWAY_CODE = rb"(?i)error code: (\d{3,4})"

_BUSY = text("The music service is busy at the moment. Nothing was started; try again in a few minutes.")
_SILENT = text("The music service gave no clear answer. Your job may have started anyway, so I won't send it again.")
_OUT_OF_CREDITS = text("I'm out of credits at the music service. Please tell my operator.")
_UNAUTHORIZED = text("The music service doesn't accept my key. Please tell my operator.")
_REFUSED = text("The music service refused the request.")


def read_answer(status: int, body: bytes, *, secrets: tuple[str, ...] = ()) -> Envelope:
    """The envelope of a success; `secrets` are removed from any error text.

    Raises:
        ProviderError: one of its subclasses, following docs/provider.md 1.4.
    """
    envelope = parse_envelope(body)
    success = OK <= status < 300
    if success and envelope is not None and envelope.code == OK:
        return envelope
    # A gateway's own error page may be JSON with a code, but has no `msg`.
    if envelope is not None and envelope.code != OK and (success or envelope.message is not None):
        raise _fault_of_code(envelope.code, _without(envelope.message or "", secrets))
    raise _fault_of_status(status, body)


def busy(message: str, *, code: int | None = None) -> ProviderBusy:
    return ProviderBusy(message, _BUSY, code=code)


def silent(message: str, *, code: int | None = None) -> ProviderSilent:
    return ProviderSilent(message, _SILENT, code=code)


def _fault_of_code(code: int, message: str) -> ProviderError:
    """The error of an envelope's `code`. Nothing was started."""
    if code in UNAUTHORIZED_CODES:
        return ProviderUnauthorized(message, _UNAUTHORIZED, code=code)
    if code == OUT_OF_CREDITS:
        return ProviderOutOfCredits(message, _OUT_OF_CREDITS, code=code)
    if code in CREDITS_OR_RATE_CODES:
        return _credits_or_rate(code, message)
    if code in BUSY_CODES or (500 <= code < 600 and code not in HOPELESS_SERVER_CODES):
        return busy(message, code=code)
    return _refused(message, code)


def _credits_or_rate(code: int, message: str) -> ProviderError:
    """The text decides; a 429 without a clear one means no credits, as on the provider's page."""
    if re.search(_CREDIT_WORDS, message):
        return ProviderOutOfCredits(message, _OUT_OF_CREDITS, code=code)
    if re.search(_RATE_WORDS, message):
        return busy(message, code=code)
    if code == TOO_MANY_REQUESTS:
        return ProviderOutOfCredits(message, _OUT_OF_CREDITS, code=code)
    return _refused(message, code)


def _fault_of_status(status: int, body: bytes) -> ProviderError:
    """The error of an answer without an envelope: from a gateway, or unintelligible."""
    gateway = re.search(_GATEWAY_CODE, body)
    message = f"HTTP {status}, {gateway.group().decode().lower()}" if gateway else f"HTTP {status}"
    if status in UNAUTHORIZED_CODES:
        return ProviderUnauthorized(message, _UNAUTHORIZED, code=status)
    if status == OUT_OF_CREDITS:
        return ProviderOutOfCredits(message, _OUT_OF_CREDITS, code=status)
    if status in {TOO_MANY_REQUESTS, UNAVAILABLE, 430, 455}:
        return busy(message, code=status)
    # A gateway's 408 may follow a request that went through: too unclear to risk paying twice.
    if status < 300 or status >= 500 or status == REQUEST_TIMEOUT:
        return silent(f"{message}, not understood", code=status)
    return _refused(message, status)


def _refused(message: str, code: int) -> ProviderRefused:
    if not message:
        return ProviderRefused(message, _REFUSED, code=code)
    said = text("The music service refused the request. It said: “{message}”", message=Said(message))
    return ProviderRefused(message, said, code=code)


def _without(message: str, secrets: tuple[str, ...]) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        message = message.replace(secret, "[hidden]")
    return one_line(message)
