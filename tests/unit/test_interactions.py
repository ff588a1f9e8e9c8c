"""What we need from discord.py to take in interactions, and what an operator reads about where they go."""

import discord
import pytest

from bot.endpoint import problem_with
from bot.roles import ALL, Role, answers_members
from bot.web.ed25519 import verifier

KEY = "a1" * 32
HERE = "https://encore.example.org"
THERE = f"{HERE}/interactions"


def test_discord_py_still_takes_an_interaction_by_the_name_that_we_use() -> None:
    """`EncoreClient.take_in` calls it; the gateway uses the same."""
    state = discord.Client(intents=discord.Intents.none())._connection

    assert state.parsers["INTERACTION_CREATE"] == state.parse_interaction_create


def test_a_published_signature_is_accepted_and_no_other_form_of_it() -> None:
    """RFC 8032, 7.1, test 1."""
    verify = verifier("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465"
        "5141438e7a100b"
    )
    group_order = 2**252 + 27742317777372353535851937790883648493
    same = int.from_bytes(signature[32:], "little") + group_order

    assert verify(b"", signature=signature)
    assert not verify(b" ", signature=signature)
    assert not verify(b"", signature=signature[:32] + same.to_bytes(32, "little"))


def test_a_weak_key_that_anybody_can_sign_for_accepts_nothing() -> None:
    assert not verifier("01" + "00" * 31)(b"", signature=b"\x01" + bytes(63))


@pytest.mark.parametrize("has_gateway", [True, False])
def test_a_bot_that_discord_can_find_logs_nothing(has_gateway: bool) -> None:
    assert problem_with(THERE, KEY.upper(), public_key=KEY, public_url=HERE, has_gateway=has_gateway) == ""


def test_a_bot_with_only_a_gateway_logs_nothing() -> None:
    assert problem_with("", KEY, public_key="", public_url=HERE, has_gateway=True) == ""


def test_a_key_of_another_application_is_named() -> None:
    problem = problem_with(THERE, "b2" * 32, public_key=KEY, public_url=HERE, has_gateway=False)

    assert problem.startswith("INTERACTIONS_PUBLIC_KEY is not this application's key")


@pytest.mark.parametrize(("public_url", "named"), [(HERE, THERE), ("", "https://YOUR-ADDRESS/interactions")])
def test_an_address_that_discord_does_not_know_yet_is_named(public_url: str, named: str) -> None:
    problem = problem_with("", KEY, public_key=KEY, public_url=public_url, has_gateway=False)

    assert f"enter {named} as Interactions Endpoint URL" in problem
    assert ("set PUBLIC_URL to" in problem) is not bool(public_url)


def test_another_address_than_the_bots_own_is_named() -> None:
    problem = problem_with("https://old.example/interactions", KEY, public_key=KEY, public_url=HERE, has_gateway=False)

    assert problem.startswith(
        f"Discord sends interactions to https://old.example/interactions, but PUBLIC_URL is {HERE}"
    )
    assert f"enter {THERE} as Interactions Endpoint URL" in problem


def test_a_gateway_that_gets_no_commands_is_noticed() -> None:
    problem = problem_with(THERE, KEY, public_key="", public_url=HERE, has_gateway=True)

    assert problem.startswith(
        f"Discord sends interactions to {THERE} and not to the gateway: set INTERACTIONS_PUBLIC_KEY"
    )


@pytest.mark.parametrize(
    ("roles", "by_gateway", "over_http"),
    [
        (ALL, True, True),
        ({Role.GATEWAY}, True, True),
        ({Role.WEB}, False, True),
        ({Role.WEB, Role.WORKERS}, False, True),
        ({Role.WORKERS}, False, False),
    ],
)
def test_commands_are_heard_by_the_gateway_or_by_the_web_role(
    roles: set[Role], by_gateway: bool, over_http: bool
) -> None:
    assert answers_members(frozenset(roles), over_http=False) is by_gateway
    assert answers_members(frozenset(roles), over_http=True) is over_http
