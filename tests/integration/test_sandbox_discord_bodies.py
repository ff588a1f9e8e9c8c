"""Bodies that Discord refuses as 50035, each with the field it names."""

import asyncio

import pytest

from tests.support.discord_api import Json, Reply, a_modal, staged

V2 = 1 << 15


def button(**changes: Json) -> Json:
    return {"type": 2, "style": 1, "label": "Again", "custom_id": "again", **changes}


def row(*children: Json) -> Json:
    return {"type": 1, "components": list(children)}


def embed(**parts: Json) -> Json:
    return {"embeds": [parts]}


def rows_of(count: int) -> list[Json]:
    return [row(button(custom_id=str(number))) for number in range(count)]


def text_display(text: str = "hello") -> Json:
    return {"type": 10, "content": text}


MESSAGES: list[tuple[str, Json, str]] = [
    ("content", {"content": "x" * 2001}, "content"),
    ("content of another type", {"content": 5}, "content"),
    ("eleven embeds", {"embeds": [{"title": "t"}] * 11}, "embeds"),
    ("embed title", embed(title="x" * 257), "embeds.0.title"),
    ("embed description", embed(description="x" * 4097), "embeds.0.description"),
    ("twenty-six fields", embed(fields=[{"name": "n", "value": "v"}] * 26), "embeds.0.fields"),
    ("field name", embed(fields=[{"name": "x" * 257, "value": "v"}]), "embeds.0.fields.0.name"),
    ("field value", embed(fields=[{"name": "n", "value": "x" * 1025}]), "embeds.0.fields.0.value"),
    ("empty field value", embed(fields=[{"name": "n", "value": ""}]), "embeds.0.fields.0.value"),
    ("footer", embed(title="t", footer={"text": "x" * 2049}), "embeds.0.footer.text"),
    ("author", embed(title="t", author={"name": "x" * 257}), "embeds.0.author.name"),
    ("embed colour", embed(title="t", color=0x1000000), "embeds.0.color"),
    ("embed address", embed(title="t", url="ftp://somewhere"), "embeds.0.url"),
    ("embed time", embed(title="t", timestamp="tomorrow"), "embeds.0.timestamp"),
    ("embed picture", embed(title="t", image={"url": "no address"}), "embeds.0.image.url"),
    ("a picture without a host", embed(title="t", image={"url": "https://[::1]@/"}), "embeds.0.image.url"),
    (
        "a thumbnail of no possible host",
        embed(title="t", thumbnail={"url": "https://xn--a/"}),
        "embeds.0.thumbnail.url",
    ),
    ("a malformed embed address", embed(title="t", url="https://[::1"), "embeds.0.url"),
    (
        "a malformed address of the author",
        embed(title="t", author={"name": "a", "url": "https:///"}),
        "embeds.0.author.url",
    ),
    (
        "a malformed icon in the footer",
        embed(title="t", footer={"text": "f", "icon_url": "https://a..b/"}),
        "embeds.0.footer.icon_url",
    ),
    ("6000 in all", {"embeds": [{"description": "x" * 3001}] * 2}, "embeds"),
    ("six rows", {"content": "c", "components": rows_of(6)}, "components"),
    (
        "six buttons",
        {"content": "c", "components": [row(*(button(custom_id=str(n)) for n in range(6)))]},
        "components.0.components",
    ),
    ("an empty row", {"content": "c", "components": [row()]}, "components.0.components"),
    (
        "button label",
        {"content": "c", "components": [row(button(label="x" * 81))]},
        "components.0.components.0.label",
    ),
    (
        "custom id",
        {"content": "c", "components": [row(button(custom_id="x" * 101))]},
        "components.0.components.0.custom_id",
    ),
    (
        "a custom id twice",
        {"content": "c", "components": [row(button()), row(button())]},
        "components.1.components.0.custom_id",
    ),
    (
        "button address",
        {"content": "c", "components": [row({"type": 2, "style": 5, "label": "l", "url": "https://e/" + "x" * 512})]},
        "components.0.components.0.url",
    ),
    (
        "button address of another scheme",
        {"content": "c", "components": [row({"type": 2, "style": 5, "label": "l", "url": "file:///etc"})]},
        "components.0.components.0.url",
    ),
    (
        "a malformed button address",
        {"content": "c", "components": [row({"type": 2, "style": 5, "label": "l", "url": "https://[::1]@/"})]},
        "components.0.components.0.url",
    ),
    (
        "a button that opens a file of the message",
        {"content": "c", "components": [row({"type": 2, "style": 5, "label": "l", "url": "attachment://a.png"})]},
        "components.0.components.0.url",
    ),
    (
        "a link without address",
        {"content": "c", "components": [row({"type": 2, "style": 5, "label": "l"})]},
        "components.0.components.0.url",
    ),
    (
        "a button without words",
        {"content": "c", "components": [row(button(label=None))]},
        "components.0.components.0",
    ),
    (
        "a menu without options",
        {"content": "c", "components": [row({"type": 3, "custom_id": "m", "options": []})]},
        "components.0.components.0.options",
    ),
    ("a text display without V2", {"content": "c", "components": [text_display()]}, "components.0.type"),
    ("content with V2", {"content": "c", "flags": V2, "components": [text_display()]}, "content"),
    ("embeds with V2", {**embed(title="t"), "flags": V2, "components": [text_display()]}, "embeds"),
    (
        "forty-one components",
        {"flags": V2, "components": [row(*[button(custom_id=f"{n}-{m}") for m in range(5)]) for n in range(7)]},
        "components",
    ),
    ("4000 characters in all", {"flags": V2, "components": [text_display("x" * 2001)] * 2}, "components"),
    ("nonce", {"content": "c", "nonce": "x" * 26}, "nonce"),
    ("an attachment without file", {"content": "c", "attachments": [{"id": 0}]}, "attachments.0.id"),
    (
        "mentions of a kind twice",
        {"content": "c", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        "allowed_mentions",
    ),
    ("mentions of no kind", {"content": "c", "allowed_mentions": {"parse": ["all"]}}, "allowed_mentions.parse.0"),
    ("an unknown message", {"content": "c", "message_reference": {"message_id": "5"}}, "message_reference"),
    ("flags of another type", {"content": "c", "flags": "64"}, "flags"),
]


@pytest.mark.parametrize(("body", "path"), [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES])
async def test_a_message_is_refused_with_its_field(body: Json, path: str) -> None:
    async with staged() as stage:
        reply = await stage.api.post(stage.songs, body)

        assert (reply.status, reply.body["code"]) == (400, 50035)
        assert reply.field_errors(path)
        assert stage.songs.messages == []


EDGES: list[Json] = [
    {"content": "x" * 2000},
    {"embeds": [{"title": "x" * 256, "description": "x" * 4096}] + [{"footer": {"text": "x" * 548}}] * 3},
    {"content": "c", "components": [row(*(button(custom_id=f"{n}-{m}") for m in range(5))) for n in range(5)]},
    {"content": "c", "components": [row(button(label="x" * 80, custom_id="x" * 100))]},
    {"flags": V2, "components": [{"type": 17, "components": [text_display("x" * 4000)]}]},
    {"content": "c", "nonce": "x" * 25, "enforce_nonce": True},
    {"content": "c", "components": [row({"type": 2, "style": 5, "label": "l", "url": "discord://-/channels/1/2/3"})]},
    {"embeds": [{"title": "t", "thumbnail": {"url": "attachment://cover.png"}, "url": "http://127.0.0.1:8000/a"}]},
    {"content": "c", "message_reference": {"message_id": "5", "fail_if_not_exists": False}},
]


@pytest.mark.parametrize("body", EDGES)
async def test_a_message_at_the_limit_is_accepted(body: Json) -> None:
    async with staged() as stage:
        assert (await stage.api.post(stage.songs, body)).status == 200


async def test_all_problems_are_reported_at_once() -> None:
    async with staged() as stage:
        reply = await stage.api.post(stage.songs, {"content": "x" * 2001, "embeds": [{"title": "x" * 257}]})

        assert reply.field_errors("content") == ["BASE_TYPE_MAX_LENGTH"]
        assert reply.field_errors("embeds.0.title") == ["BASE_TYPE_MAX_LENGTH"]


async def test_eleven_files_are_too_many() -> None:
    async with staged() as stage:
        reply = await stage.api.post(stage.songs, {}, files=[(f"{n}.mp3", b"1") for n in range(11)])

        assert reply.field_errors("attachments")


async def test_an_answer_is_checked_like_a_message() -> None:
    async with staged() as stage:
        invocation = await stage.extend()

        reply = await stage.api.answer(invocation, {"type": 4, "data": {"content": "x" * 2001}})

        assert reply.body["code"] == 50035


async def answered(kind: str, callback: int) -> Reply:
    """The reply to an answer of type `callback` to an interaction of this kind."""
    async with staged() as stage:
        if kind == "command":
            return await stage.api.answer(await stage.extend(), {"type": callback})
        opened = await stage.extend()
        await stage.api.answer(opened, {"type": 9, "data": a_modal()})
        submitted = await stage.mia.submit_modal(opened, {"prompt": "p"})
        return await stage.api.answer(submitted, {"type": callback, "data": a_modal()})


@pytest.mark.parametrize(
    ("kind", "callback"), [("command", 6), ("command", 7), ("command", 8), ("command", 1), ("form", 9), ("form", 7)]
)
async def test_an_answer_of_the_wrong_kind_is_refused(kind: str, callback: int) -> None:
    reply = await answered(kind, callback)

    assert (reply.status, reply.body["code"]) == (400, 50035)
    assert reply.field_errors("type") == ["BASE_TYPE_CHOICES"]


@pytest.mark.parametrize(
    ("choices", "path"),
    [
        ([{"name": str(n), "value": str(n)} for n in range(26)], "data.choices"),
        ([{"name": "x" * 101, "value": "v"}], "data.choices.0.name"),
        ([{"name": "", "value": "v"}], "data.choices.0.name"),
        ([{"name": "n", "value": "x" * 101}], "data.choices.0.value"),
        ([{"name": "n", "value": 5}], "data.choices.0.value"),
        ([{"name": "n"}], "data.choices.0.value"),
    ],
)
async def test_bad_choices_are_refused(choices: Json, path: str) -> None:
    async with staged() as stage:
        asked = asyncio.create_task(stage.mia.autocomplete(stage.songs, "extend", focused="model"))
        await stage.discord.world.changes.until(
            lambda: stage.discord.world.interactions, timeout=5, wanted="the question", seen=lambda: ""
        )
        of = next(iter(stage.discord.world.interactions.values()))
        path_of = f"/interactions/{of.id}/{of.token}/callback"

        reply = await stage.api.ask("POST", path_of, {"type": 8, "data": {"choices": choices}})
        await stage.api.ask("POST", path_of, {"type": 8, "data": {"choices": []}})

        assert reply.field_errors(path)
        assert await asked == []
