"""A song's family in words: pure, page by page, and within Discord's limits whatever the titles are."""

from collections.abc import Callable, Sequence

import msgspec

from bot.chat.cards import CONTENT_MAX
from bot.chat.progress_card import link_to
from bot.domain.jobs import Job, JobState
from bot.domain.outlines import in_words, moment_in_words
from bot.domain.progress import end_of
from bot.domain.songs import Node, Origin
from bot.domain.takes import takes_of
from bot.domain.text import Fact, Said, Seconds, Text, Verbatim, counted, text
from bot.domain.titles import shown_title, source_title
from bot.services.common.sentences import STATE_NAMES, UNTITLED
from bot.services.songs.families import Family, Viewer
from bot.text import plain

Say = Callable[[Text], str]

LINES_MAX = 10
"""Jobs on one page."""
DEPTH_MAX = 5
"""Further generations are not indented more than this: phones are narrow, and each line says where it is from."""
TITLE_MAX = 60
ALT_MAX = 1024
_FRAME = 300
"""Room for the words above and below the tree."""


class FamilyPage(msgspec.Struct, frozen=True):
    """What a page says, and the nodes on it."""

    content: str
    nodes: tuple[Node, ...]


def pages_of(family: Family, viewer: Viewer, say: Say) -> list[FamilyPage]:
    """The pages of the family; there is at least one."""
    title = _title(family.nodes[0].job)
    lines = [_line(node, viewer, title) for node in family.nodes]
    pages: list[list[int]] = [[]]
    room = CONTENT_MAX - _FRAME
    for at, line in enumerate(lines):
        length = len(say(line)) + 2 * DEPTH_MAX + 3
        if pages[-1] and (length > room or len(pages[-1]) == LINES_MAX):
            pages.append([])
            room = CONTENT_MAX - _FRAME
        pages[-1].append(at)
        room -= length
    return [
        FamilyPage(_page(family, lines, page, (number, len(pages)), say), tuple(family.nodes[at] for at in page))
        for number, page in enumerate(pages, 1)
    ]


def picture_described(page: FamilyPage, say: Say) -> str:
    """The alt text of the page's picture: the same in sentences, with times in words, as far as there is room."""
    words = say(text("A song's family as a tree."))
    for node in page.nodes:
        job = node.job
        is_done = job.state is JobState.DELIVERED
        facts: dict[str, Fact] = {
            "number": node.number,
            "origin": _origin(node, moment_in_words(job.continues_from)),
            "takes": _takes(node, spoken=True) if is_done else STATE_NAMES[job.state],
        }
        sentence = say(Text("#{number}: {origin}; {takes}.", facts))  # no words of its own
        sentence = sentence.replace("\\", "")  # alt text has no markup, so escapes would be read out
        if len(words) + len(sentence) + 1 > ALT_MAX:
            break
        words += f" {sentence}"
    return words


def _page(family: Family, lines: Sequence[Text], page: Sequence[int], number: tuple[int, int], say: Say) -> str:
    nodes = [family.nodes[at] for at in page]
    least = min(node.depth for node in nodes)
    shown = [_heading(family)]
    if number[1] > 1:
        shown.append(text("Page {number} of {count}", number=number[0], count=number[1]))
    words = [" · ".join(map(say, shown))]
    words += [
        "  " * min(node.depth - least, DEPTH_MAX) + f"- {say(lines[at])}" for at, node in zip(page, nodes, strict=True)
    ]
    if family.is_cut and number[0] == number[1]:
        words.append(say(text("There are more; I only show the oldest.")))
    return "\n".join(words)[:CONTENT_MAX]


def _heading(family: Family) -> Text:
    people = len({node.job.place.member_id for node in family.nodes})
    return Text(
        "**{title}** · {results} · {people}",
        {
            "title": _title(family.nodes[0].job),
            "results": counted("{count} result", "{count} results", count=len(family.nodes)),
            "people": counted("{count} person", "{count} people", count=people),
        },
    )


def _line(node: Node, viewer: Viewer, song_title: Fact) -> Text:
    """`#1 · @Mia · continues boat.mp3 from 0:30 · take 1 (2:10), take 2 (2:04, 3 votes, preferred) · open`."""
    job = node.job
    facts: dict[str, Fact] = {"number": Verbatim(f"**#{node.number}**")}
    if (title := _title(job)) != song_title:
        facts["title"] = title
    facts["member"] = Verbatim(f"<@{job.place.member_id}>")
    facts["origin"] = _origin(node, Seconds(job.continues_from))
    if job.state is JobState.DELIVERED:
        facts["takes"] = _takes(node)
    else:
        facts["state"] = STATE_NAMES[job.state]
    if (url := jump_url(job, viewer)) is not None:
        facts["link"] = text("[open]({link})", link=url)
    return Text(" · ".join(f"{{{name}}}" for name in facts), facts)


def jump_url(job: Job, viewer: Viewer) -> Verbatim | None:
    """The address of the result, if this viewer can open it."""
    end = end_of(job)
    if end is None:
        return None
    is_own = job.place.member_id == viewer.member_id
    return link_to(end) if is_own or end.guild_id == viewer.guild_id else None


def _origin(node: Node, moment: Fact) -> Text:
    parent = node.parent or 0
    source = plain(source_title(node.job.source_name), limit=TITLE_MAX)
    words = {
        Origin.SOURCE: text(
            "continues {source} from {moment}", source=Said(source) if source else UNTITLED, moment=moment
        ),
        Origin.TAKE: text("continues #{parent} from {moment}", parent=parent, moment=moment),
        Origin.SAME: text("made again from #{parent}", parent=parent),
        Origin.CHANGED: text("#{parent} with changes, from {moment}", parent=parent, moment=moment),
        Origin.ERASED: text("continues music that I no longer have, from {moment}", moment=moment),
        Origin.HIDDEN: text("continues music that you can't see, from {moment}", moment=moment),
    }
    if node.origin is Origin.TAKE and node.take is not None:
        return text("continues take {take} of #{parent} from {moment}", take=node.take, parent=parent, moment=moment)
    return words[node.origin]


def _takes(node: Node, *, spoken: bool = False) -> Text:
    takes = takes_of(node.job)
    described: list[Text] = []
    for take, track in takes.items():
        facts: dict[str, Fact] = {}
        if track.length_seconds is not None:
            facts["length"] = in_words(track.length_seconds) if spoken else Seconds(round(track.length_seconds))
        if votes := node.votes.get(take):
            facts["votes"] = counted("{count} vote", "{count} votes", count=votes)
        if node.preferred == take:
            facts["preferred"] = text("preferred")
        details = Text(", ".join(f"{{{name}}}" for name in facts), facts)
        name = text("take {take}", take=take) if len(takes) > 1 else None
        if name is None:
            described.append(details if facts else text("one take"))
        else:
            described.append(Text("{name} ({details})", {"name": name, "details": details}) if facts else name)
    # Neither has words of its own.
    return Text(
        ", ".join(f"{{take{at}}}" for at, _ in enumerate(described)),
        {f"take{at}": each for at, each in enumerate(described)},
    )


def _title(job: Job) -> Said | Text:
    title = plain(shown_title(job), limit=TITLE_MAX)
    return Said(title) if title else UNTITLED
