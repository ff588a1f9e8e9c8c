"""Model names as members and operators write them."""

import pytest

from bot.domain.models import MODELS, WHOLE_TABLE, Offer, model_meant, model_spelled


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_found_however_its_name_is_spelled(name: str) -> None:
    for words in (name, name.lower(), name.replace("_", "."), name.replace("_", " "), name[1:], f" {name} "):
        model = model_spelled(words)
        assert model is not None
        assert model.name == name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("v4.5 plus", "V4_5PLUS"),
        ("V4.5+", "V4_5PLUS"),
        ("4.5 Plus", "V4_5PLUS"),
        ("5", "V5"),
        ("5.5", "V5_5"),
        ("\uff56\uff14", "V4"),  # full-width
        ("v6-wild", "V6_WILD"),
        ("plus", "V4_5PLUS"),
        ("mini", "V6_MINI"),
        ("4.5 a", "V4_5ALL"),
        ("4.", "V4"),
        ("v3", "V3_5"),
    ],
)
def test_what_a_person_would_type_means_one_model(words: str, name: str) -> None:
    model = model_meant(words, WHOLE_TABLE)

    assert model is not None
    assert model.name == name


@pytest.mark.parametrize("words", ["", "v", "V99", "v5p", "the best", "l", "."])
def test_words_that_mean_none_or_several_mean_no_model(words: str) -> None:
    assert model_meant(words, WHOLE_TABLE) is None


def test_a_part_of_a_name_means_an_offered_model_and_a_whole_name_any() -> None:
    offer = Offer.of(("V4_5", "V5"), "V5")

    assert model_meant("v4", offer) == MODELS["V4"]  # not V4_5: the rules say that it isn't offered
    assert model_meant("plus", offer) is None
    assert model_meant("4.5", offer) == MODELS["V4_5"]


def test_an_offer_has_the_models_it_was_given_and_their_default() -> None:
    offer = Offer.of(("V4", "V5"), "V4")

    assert offer.names == ("V4", "V5")
    assert offer.default.name == "V4"
    assert WHOLE_TABLE.names == tuple(MODELS)
    assert WHOLE_TABLE.default.name == "V5"
