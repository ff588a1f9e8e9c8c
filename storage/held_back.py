"""After a restore nobody knows what was submitted since the copy was made: what waited in it is held back."""

from datetime import datetime

from bot.domain.jobs import SOURCE_KEPT
from storage.engines.base import Connection
from storage.values import to_ms

# What waited in the copy may have been submitted after it was made. One that was claimed and not sent waited, too.
HOLD_BACK = """
UPDATE job SET state = 'on_hold', due_ms = $1, submitted_ms = NULL, waits_for = NULL
 WHERE state = 'accepted' OR (state = 'submitting' AND submitted_ms IS NULL)
RETURNING id
"""

# Their progress messages say so, with a way to continue.
SHOW_HOLD = """
UPDATE progress SET version = version + 1, due_ms = $1, not_before_ms = NULL
 WHERE job_id IN (SELECT id FROM job WHERE state = 'on_hold')
"""

# A command that was being read then has become a job or a refusal since.
FORGET_OPEN_COMMANDS = (
    "UPDATE intake SET payload = NULL, due_ms = NULL WHERE due_ms IS NOT NULL RETURNING interaction_id"
)

# The same of lyrics: their member is asked again. What counted for the day of the copy no longer matters.
OFFER_AGAIN = """
UPDATE lyrics_order SET state = 'offered', day = NULL, callback_token = NULL, due_ms = NULL, claimed_by = NULL
 WHERE state = 'waiting'
"""

# A whole song may have been posted since: its member is asked to look, and can press the button again.
DO_NOT_POST_AGAIN = "UPDATE whole_song SET tried_ms = 0, due_ms = $1, claimed_by = NULL"


async def hold_back(connection: Connection, now: datetime) -> int:
    """Hold back all waiting jobs and forget the open commands; returns how many jobs now wait for their members."""
    held = await connection.fetch_all(HOLD_BACK, to_ms(now + SOURCE_KEPT))
    await connection.execute(SHOW_HOLD, to_ms(now))
    await connection.execute(FORGET_OPEN_COMMANDS)
    await connection.execute(OFFER_AGAIN)
    await connection.execute(DO_NOT_POST_AGAIN, to_ms(now))
    return len(held)
