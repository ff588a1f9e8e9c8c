"""`encore doctor`, the bot's port and PUBLIC_URL, behind a reverse proxy that is set up well or badly."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.audio.confinement import LAYERS
from bot.audio.process import AudioProcess
from bot.doctor.decoder import check_decoder
from bot.doctor.finding import Found, Status
from bot.doctor.silence import write_silence
from bot.doctor.web_address import Port, check_interactions, check_port, check_public_url
from bot.domain.public_address import SelfCalls
from bot.sandbox.stand_ins import free_port
from bot.settings import Settings
from bot.web.server import serve
from tests.support.doctor import check, failed, warned
from tests.support.front import Front, standing
from tests.support.interactions import Taken
from tests.support.web import Parts

FIRST_FREE_TO_ALL = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
TOKEN = "invented-token-of-a-bot"
CALLS = SelfCalls(TOKEN)
LOCAL = "http://127.0.0.1:1"
"""A music service on this machine, to which private addresses are fine."""


class NoJobs(Parts):
    async def is_token(self, token: str) -> bool:
        del token
        return False


@asynccontextmanager
async def a_bot(*, token: str = TOKEN) -> AsyncIterator[int]:
    """Its port, which the system chooses: one chosen before could be somebody else's by now."""
    async with serve(NoJobs().application(self_calls=SelfCalls(token)), "127.0.0.1", 0) as port:
        yield port


def settings(url: str = "", *, port: int | None = None, host: str = "127.0.0.1", suno: str = LOCAL) -> Settings:
    return Settings(
        discord_token=TOKEN,
        suno_api_key="invented",
        suno_api_url=suno,
        public_url=url,
        web_host=host,
        web_port=free_port() if port is None else port,
    )


async def seen_through(front: Front, *, tls: bool = False, runs: bool = True) -> Found:
    """What the check says of a PUBLIC_URL that leads to `front`, with a bot behind it, or none that runs."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(a_bot()) if runs else free_port()
        if front.behind is None:
            front.behind = port
        await stack.enter_async_context(standing(front, tls=tls))
        return await check_public_url(settings(front.url, port=port), CALLS, Port(runs=runs, is_free=not runs))


# The port on this machine


async def test_a_running_bot_is_recognised_at_its_port() -> None:
    async with a_bot() as port:
        found, seen = await check_port(settings(port=port), CALLS)

    check(found, Status.OK)
    assert seen == Port(runs=True)


async def test_a_free_port_is_fine() -> None:
    found, seen = await check_port(settings(), CALLS)

    check(found, Status.OK)
    assert seen == Port(is_free=True)


async def test_any_free_port_is_fine() -> None:
    check((await check_port(settings(port=0), CALLS))[0], Status.OK)


async def test_another_program_at_the_port_is_noticed() -> None:
    async with standing(Front(status=200)) as front:
        found, _ = await check_port(settings(port=int(front.url.rpartition(":")[2])), CALLS)

    failed(found, "another program answers there")


async def test_another_encore_at_the_port_is_noticed() -> None:
    async with a_bot(token="the token of another bot") as port:
        found, _ = await check_port(settings(port=port), CALLS)

    failed(found, "another Encore answers there")


async def test_an_address_that_is_not_this_machines_is_noticed() -> None:
    found, _ = await check_port(settings(host="host.invalid"), CALLS)

    failed(found, "cannot listen on")


@pytest.mark.skipif(not FIRST_FREE_TO_ALL.exists(), reason="other systems have other rules")
async def test_a_port_that_needs_rights_is_noticed() -> None:
    last_protected = int(FIRST_FREE_TO_ALL.read_text()) - 1
    if last_protected < 1:
        pytest.skip("here anybody may listen on any port")

    found: list[Found] = []

    def without_rights() -> None:
        LAYERS["dropped capabilities"]()  # of this thread alone
        found.append(asyncio.run(check_port(settings(port=last_protected), CALLS))[0])

    thread = threading.Thread(target=without_rights)
    thread.start()
    await asyncio.to_thread(thread.join)

    failed(found[0], "needs rights that this process lacks")


# PUBLIC_URL


async def test_without_a_public_url_results_are_polled() -> None:
    check(await check_public_url(settings(), CALLS, Port()), Status.OK, "it is empty")


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("prefix", ["", "/music/encore"])
async def test_a_good_proxy_is_fine_whether_the_bot_runs_or_not(prefix: str, *, runs: bool) -> None:
    found = await seen_through(Front(prefix=prefix), runs=runs)

    check(found, Status.OK)
    assert found.came_back == "this bot answered"


async def test_a_wrong_host_is_noticed() -> None:
    failed(await seen_through(Front(status=404)), "something else answers there")


async def test_another_bot_is_noticed() -> None:
    async with a_bot(token="the token of another bot") as port:
        failed(await seen_through(Front(behind=port)), "an Encore answered that doesn't know this bot's calls")


async def test_a_certificate_that_nobody_trusts_is_noticed() -> None:
    found = await seen_through(Front(), tls=True)

    failed(found, "no secure connection")
    assert "self-signed certificate" in found.came_back


async def test_a_redirect_is_noticed_and_says_where_it_leads() -> None:
    found = await seen_through(Front(redirect="https://www.encore.example"))

    failed(found, "it redirects to")
    assert found.remedy.endswith("https://www.encore.example")


async def test_a_path_that_the_proxy_keeps_is_noticed() -> None:
    found = await seen_through(Front(prefix="/encore", keeps_prefix=True))

    failed(found, "still in front of its path")
    assert "remove /encore" in found.remedy


async def test_a_path_that_is_too_much_is_noticed() -> None:
    async with a_bot() as port, standing(Front(behind=port)) as front:
        found = await check_public_url(settings(f"{front.url}/encore", port=port), CALLS, Port(runs=True))

    failed(found, "leads to this bot")
    assert found.remedy == f"set PUBLIC_URL={front.url}"


async def test_a_proxy_without_a_bot_behind_it_is_noticed() -> None:
    failed(await seen_through(Front(behind=1)), "a proxy answered, but does not reach the bot behind it")


async def test_a_password_in_front_of_the_bot_is_noticed() -> None:
    failed(await seen_through(Front(status=401)), "something in front of the bot refuses strangers")


async def test_a_proxy_that_passes_no_post_on_is_noticed() -> None:
    failed(await seen_through(Front(status=405)), "POST is not allowed there")


async def test_a_name_that_does_not_resolve_is_noticed() -> None:
    failed(await check_public_url(settings("https://encore.invalid"), CALLS, Port()), "its name cannot be resolved")


async def test_silence_is_only_a_warning_because_routers_cause_it_too() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        found = await check_public_url(settings(url), CALLS, Port())

    warned(found, "it does not answer from here")
    assert "proves nothing" in found.remedy


async def test_an_address_that_only_this_network_has_is_a_warning() -> None:
    async with a_bot() as port:
        url, suno = f"http://127.0.0.1:{port}", "https://api.sunoapi.org"
        found = await check_public_url(settings(url, port=port, suno=suno), CALLS, Port(runs=True))

    warned(found, "has a private address")


# /interactions


async def seen_by_discord(front: Front, *, runs: bool = True, knows_the_key: bool = True) -> Found:
    """What the check says of /interactions behind `front`."""
    taken = Taken()
    async with AsyncExitStack() as stack:
        parts = NoJobs()
        parts.interactions = taken.endpoint(self_calls=CALLS) if knows_the_key else None
        bot = serve(parts.application(self_calls=CALLS), "127.0.0.1", 0)
        port = front.behind = await stack.enter_async_context(bot) if runs else free_port()
        await stack.enter_async_context(standing(front))
        with_key = replace(settings(front.url, port=port), interactions_public_key=taken.signer.public_key)
        found = await check_interactions(with_key, CALLS, Port(runs=runs, is_free=not runs))
    assert taken.taken == []
    return found


async def test_without_a_public_key_commands_come_over_the_gateway() -> None:
    check(await check_interactions(settings(), CALLS, Port()), Status.OK, "it is not set")


async def test_commands_over_http_need_a_public_url() -> None:
    with_key = replace(settings(), interactions_public_key=Taken().signer.public_key)

    failed(await check_interactions(with_key, CALLS, Port()), "it is empty, so Discord can't send commands")


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
async def test_a_proxy_that_passes_interactions_on_is_fine_whether_the_bot_runs_or_not(*, runs: bool) -> None:
    found = await seen_by_discord(Front(prefix="/encore"), runs=runs)

    check(found, Status.OK)
    assert found.came_back == "this bot answered"


async def test_a_proxy_that_passes_only_callbacks_on_is_noticed() -> None:
    found = await seen_by_discord(Front(refused_paths=("/interactions",)))

    failed(found, "/interactions does not lead to this bot")
    assert "pass POST /interactions on to 127.0.0.1:" in found.remedy


async def test_a_bot_that_was_started_without_the_key_is_noticed() -> None:
    failed(await seen_by_discord(Front(), knows_the_key=False), "/interactions does not lead to this bot")


@pytest.mark.parametrize(
    "front",
    [
        Front(drops=frozenset({"X-Signature-Ed25519"})),
        Front(drops=frozenset({"X-Signature-Timestamp"})),
        Front(rewrites=True),
        Front(status=401),
    ],
    ids=["no signature", "no timestamp", "another body", "a password"],
)
async def test_a_proxy_that_breaks_the_signature_is_noticed(front: Front) -> None:
    failed(await seen_by_discord(front), "signature was lost or refused on the way")


async def test_a_redirect_of_interactions_says_what_public_url_should_be() -> None:
    found = await seen_by_discord(Front(redirect="https://www.encore.example"))

    failed(found, "it redirects to")
    assert found.remedy.endswith("https://www.encore.example")


async def test_a_filter_in_front_of_interactions_is_noticed_by_its_own_path() -> None:
    found = await seen_by_discord(Front(status=403))

    failed(found, "something in front of the bot refuses strangers")
    assert "let POST /interactions through" in found.remedy


# The decoder


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    write_silence(tmp_path / "silence.wav")
    return tmp_path / "silence.wav"


async def test_a_system_without_landlock_is_a_warning(silence: Path) -> None:
    found = await check_decoder(silence, AudioProcess(worker="tests.support.unconfined"))

    warned(found, "it works, but without")
    assert "Landlock" in found.came_back


async def test_a_decoder_that_answers_nonsense_is_noticed(silence: Path) -> None:
    found = await check_decoder(silence, AudioProcess(worker="tests.support.parrot_worker"))

    failed(found, "it can't be decoded")


async def test_a_decoder_that_does_not_start_is_noticed(silence: Path) -> None:
    found = await check_decoder(silence, AudioProcess(worker="tests.support.no_such_module"))

    failed(found, "no audio process can be used")
