from bot.domain.suggestions import FilledIn, suggest_genders, suggest_models


def values(typed: str, **filled_in: object) -> list[str]:
    return [each.value for each in suggest_models(typed, FilledIn(**filled_in))]  # type: ignore[arg-type]


def test_the_default_comes_first_and_is_marked() -> None:
    first, *others = suggest_models("", FilledIn())

    assert first.value == "V5"
    assert "default" in first.name.message
    assert not any("default" in each.name.message for each in others)


def test_typing_filters_however_it_is_spelled() -> None:
    assert values("v4.5 plus") == ["V4_5PLUS"]
    assert values("6") == ["V6_MINI", "V6_WILD", "V6"]
    assert values("nonsense") == []


def test_models_that_cannot_take_what_is_filled_in_are_left_out() -> None:
    assert "V4" in values("", style="x" * 200)
    assert "V4" not in values("", style="x" * 201)
    assert "V4" not in values("", prompt="x" * 3001)
    assert "V4" in values("", prompt="x" * 3001, instrumental=True)
    assert "V6" not in values("", title="x" * 81)


def test_a_model_that_the_provider_took_away_is_not_offered() -> None:
    assert "V3_5" not in values("")
    assert values("", source_model="V3_5") == ["V3_5"]


def test_a_track_of_ones_own_goes_on_with_its_own_model() -> None:
    assert values("", source_model="V4_5") == ["V4_5"]


def test_an_instrumental_offers_no_voice() -> None:
    assert [each.value for each in suggest_genders("", FilledIn())] == ["f", "m"]
    assert [each.value for each in suggest_genders("fe", FilledIn())] == ["f"]
    assert suggest_genders("", FilledIn(instrumental=True)) == []
