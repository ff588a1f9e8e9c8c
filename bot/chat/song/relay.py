"""What a thread and its members read about a relay: pure."""

from collections.abc import Callable

from bot.chat.result.rows import Button, Rows
from bot.domain.jobs import Job
from bot.domain.relays import TURNS_MAX, Ruling, Stand, Verdict
from bot.domain.songs import channel_of
from bot.domain.takes import takes_of
from bot.domain.text import Said, Text, Verbatim, counted, text
from bot.services.common.sentences import UNTITLED
from bot.services.songs.relays import RelayView, mention, mentions, refusal_of

Say = Callable[[Text], str]

TURN = "turn"
TURNS_SHOWN = 10
"""How many of its latest turns `/relay status` lists."""

HOW = text(
    "Members take turns: each extends the song by one take, for one of their own extensions. The take with the most"
    " votes is continued; in a tie, it is take 1."
)


def relay_news(view: RelayView, say: Say) -> tuple[str, Rows]:
    """The message about the present turn or, in the end, the song, and its button."""
    if view.position.stand is Stand.FINISHED:
        return "\n".join(map(say, finished_sentences(view))), ()
    return "\n".join(map(say, [_news(view), *_what_next(view)])), turn_rows(view, say)


def turn_rows(view: RelayView, say: Say) -> Rows:
    """The button with which the next turn is taken, as long as there can be one."""
    if view.position.stand in {Stand.FINISHED, Stand.GONE} or view.position.number > TURNS_MAX:
        return ()
    button = Button(custom_id=f"encore:{TURN}:{view.relay.id}", label=say(text("Take the next turn")))
    return ((button,),)


def finished_sentences(view: RelayView) -> list[Text]:
    """Who made it, and where its last take is."""
    if not view.made:
        return [text("**{title}**: this relay is finished. Nobody took a turn.", title=_title(view))]
    head = counted(
        "**{title}**: this relay is finished after one turn.",
        "**{title}**: this relay is finished after {count} turns.",
        count=len(view.made),
        title=_title(view),
    )
    sentences = [head, text("Made by {people}.", people=mentions(view.people))]
    base = view.position.base
    if base is not None and view.take is not None and (link := _link(base)) is not None:
        sentences.append(
            text("It ends with take {take}: {link}", take=view.take, link=link)
            if len(takes_of(base)) > 1
            else text("Its last take: {link}", link=link)
        )
    return sentences


def status_sentences(view: RelayView, ruling: Ruling) -> list[Text]:
    """For one member, who may take the next turn or not."""
    made = (
        counted(
            "**{title}**: one turn so far.",
            "**{title}**: {count} turns so far.",
            count=len(view.made),
            title=_title(view),
        )
        if view.made
        else text("**{title}**: no turns so far.", title=_title(view))
    )
    sentences = [made]
    if left_out := max(0, len(view.made) - TURNS_SHOWN):
        sentences.append(counted("One earlier turn.", "{count} earlier turns.", count=left_out))
    sentences += [
        text("Turn {number}: {member}", number=turn.number, member=mention(turn.member_id))
        for turn in view.made[-TURNS_SHOWN:]
    ]
    if ruling.verdict is Verdict.MAY:
        yours = text("Turn {number} is yours if you like.", number=view.position.number)
        return [*sentences, *_goes_on(view), yours]
    refusal = refusal_of(ruling)
    return [*sentences, *_goes_on(view), *([refusal] if refusal else [])]


def _news(view: RelayView) -> Text:
    position = view.position
    if position.stand is Stand.FAILED and position.turn is not None:
        return text(
            "**{title}**, turn {number}: {member}'s turn failed.",
            title=_title(view),
            number=position.number,
            member=mention(position.turn.member_id),
        )
    if position.number == 1 or not view.made:
        return text("A relay begins here, with **{title}**.", title=_title(view))
    return text(
        "**{title}**: turn {number}, by {member}, is done.",
        title=_title(view),
        number=view.made[-1].number,
        member=mention(view.made[-1].member_id),
    )


def _what_next(view: RelayView) -> list[Text]:
    if view.position.number > TURNS_MAX:
        return [text("That was the last turn a relay can have. `/relay finish` posts the whole song.")]
    # A relay that begins with somebody's own piece is first heard of once their turn is done.
    is_first_news = not view.made or (view.relay.opening.source is not None and len(view.made) == 1)
    sentences = [HOW] if is_first_news else []
    base = view.position.base
    if base is not None and len(takes_of(base)) > 1 and (link := _link(base)) is not None:
        sentences.append(text("Vote for the take you want to continue: {link}", link=link))
    if base is None or view.position.stand is Stand.FAILED:
        return [*sentences, text("Anybody can take this turn.")]
    others = text("Anybody but {member} can take the next turn.", member=mention(base.place.member_id))
    return [*sentences, others]


def _goes_on(view: RelayView) -> list[Text]:
    if view.take is None or view.position.base is None or len(takes_of(view.position.base)) == 1:
        return []
    return [text("Going by the votes so far, take {take} is the one to continue.", take=view.take)]


def _title(view: RelayView) -> Said | Text:
    return Said(view.title) if view.title else UNTITLED


def _link(job: Job) -> Verbatim | None:
    """To the message with the result; None where it is not in a channel."""
    if job.final_message_id is None or job.final_is_answer or job.final_guild_id is None:
        return None
    return Verbatim(f"https://discord.com/channels/{job.final_guild_id}/{channel_of(job)}/{job.final_message_id}")
