"""Members' files are decoded in a process of its own: whether it works, and whether it is confined on this system."""

from pathlib import Path

from bot.audio.process import AudioProcess
from bot.doctor.finding import Found, failed, ok, warning
from bot.errors import BadSource, DecoderUnavailable

TRIED = "decoding one second of silence in a confined process"


async def check_decoder(silence: Path, audio: AudioProcess) -> Found:
    try:
        await audio.probe(silence)
    except DecoderUnavailable as error:
        return failed(
            TRIED,
            str(error),
            "if Python reports an error above, install Encore's libraries again: make setup; otherwise see whether this"
            " machine has memory left and lets the bot start more processes",
        )
    except BadSource as error:
        return failed(
            TRIED,
            f"it can't be decoded ({error})",
            "install Encore's libraries again: make setup; the one at fault is av",
        )
    return judge_isolation(audio.missing or ())


def judge_isolation(missing: tuple[str, ...]) -> Found:
    """`missing`: the limits and layers that this system could not provide."""
    if not missing:
        return ok(TRIED, "it works, with all limits and layers of isolation")
    return warning(
        TRIED,
        f"it works, but without {', '.join(missing)}: a malicious file could do more harm",
        "use Linux 5.13 or newer with Landlock and seccomp, and a container that doesn't forbid them;"
        " docs/design.md says what each layer is for",
    )
