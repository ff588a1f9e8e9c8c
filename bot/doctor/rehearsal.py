"""`encore doctor --rehearse`: one job against the stand-ins, so that the whole way is known to work on this machine."""

from collections.abc import Awaitable, Callable

from bot.doctor.examination import Check
from bot.doctor.finding import Found, failed, ok

TRIED = "one /extend against the stand-ins for Discord and the music service"
REHEARSAL_SECONDS = 180.0


def rehearsal_check(rehearse: Callable[[], Awaitable[float]]) -> Check:
    """`rehearse` plays the job and returns the seconds that it took, or raises what went wrong."""

    async def run() -> Found:
        try:
            seconds = await rehearse()
        except Exception as error:  # noqa: BLE001  # whatever it was, the operator reads it
            remedy = "look at the checks above; if they are fine, please report this with the output of make demo"
            return failed(TRIED, f"{type(error).__name__}: {error}", remedy)
        return ok(TRIED, f"the music was posted after {seconds:.0f} s")

    return Check(name="rehearsal", run=run, seconds=REHEARSAL_SECONDS)
