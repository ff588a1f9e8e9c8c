"""Build the body of a submission from a member's request."""

from bot.domain.request import ExtensionRequest, Mode


def extend_body(
    request: ExtensionRequest, *, source_url: str, sent_continue_at: float, callback_url: str
) -> dict[str, object]:
    """The JSON of POST upload-extend (docs/provider.md 1.2); `request` breaks no rule.

    `sent_continue_at` is the second to continue at; it can differ from the one in `request`.

    `defaultParamFlag` reads backwards: true means custom. `continueAt` and `instrumental` are always sent. A prompt is
    sent if the member typed one, except in custom mode without singing; in default mode it is an idea, even for an
    instrumental (docs/provider.md 1.5). Newer models use the same field names (docs/provider.md 0).
    """
    body: dict[str, object] = {
        "uploadUrl": source_url,
        "defaultParamFlag": request.mode is not Mode.DEFAULT,
        "instrumental": request.instrumental,
        "continueAt": sent_continue_at,
        "model": request.model,
        "callBackUrl": callback_url,
    }
    optional = {
        "style": request.style,
        "title": request.title,
        "prompt": "" if request.mode is Mode.CUSTOM_INSTRUMENTAL else request.prompt,
        "negativeTags": request.exclude,
        "vocalGender": None if request.instrumental else request.vocal_gender,
    }
    weights = {
        "styleWeight": request.style_weight,
        "weirdnessConstraint": request.weirdness,
        "audioWeight": request.audio_weight,
    }
    body.update((name, str(value)) for name, value in optional.items() if value)
    body.update((name, value) for name, value in weights.items() if value is not None)
    return body
