"""Read a command's source, check every rule, and hand the audio over to the provider."""

import logging
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.adjustments import adjusted
from bot.domain.gates import Gate
from bot.domain.jobs import Intake, WaitReason
from bot.domain.models import WHOLE_TABLE, Offer
from bot.domain.request import ExtensionRequest, is_longer_than_its_model_takes, trimmed_until
from bot.domain.rules import broken_rules
from bot.domain.source import AudioFormat, AudioProperties, SourceChoice, SourceKind
from bot.domain.text import Text, text
from bot.errors import (
    BadSource,
    ProviderBusy,
    ProviderError,
    ProviderSilent,
    Refused,
    SourceGone,
    SourceTooCostly,
    SourceUnreachable,
)
from bot.services.common.messenger import MessageFiles
from bot.services.common.ports import AudioTools, Fetcher, Provider
from bot.services.common.studio import Studio
from bot.services.operator.account import Account, trouble_of

log = logging.getLogger(__name__)

NOT_TAKEN = text("The music service isn't taking files right now. Please try again in a while.")
FILE_GONE = text("I can't get this file any more. If you have it, please add it again.")

TOO_LONG = "source_too_long"
"""The rule that a source breaks which could be trimmed."""

TRIMMED_SLACK_SECONDS = 1.0
"""By how much a trimmed source may be longer than its model takes: encoders fill up their last packet."""

_UPLOAD_RULES: Mapping[WaitReason | None, str] = {
    WaitReason.NO_CREDITS: Gate.CREDITS,
    WaitReason.KEY_REFUSED: Gate.KEY,
}


class HandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """A source that the provider has, at `url`, with the request as it was asked for."""

    request: ExtensionRequest
    properties: AudioProperties
    url: str


class Sources:
    """`folder`: where sources are while they are read; `offer`: the models that members may choose."""

    def __init__(
        self,
        provider: Provider,
        audio: AudioTools,
        fetcher: Fetcher,
        account: Account,
        files: MessageFiles,
        studio: Studio,
        *,
        folder: Path,
        max_source_bytes: int,
        offer: Offer = WHOLE_TABLE,
    ) -> None:
        self._provider = provider
        self._audio = audio
        self._fetcher = fetcher
        self._account = account
        self._files = files
        self._studio = studio
        self.folder = folder
        self._max_source_bytes = max_source_bytes
        self._offer = offer

    async def handed_over(self, intake: Intake) -> HandedOver:
        """Nothing is left on disk.

        Raises:
            Refused: with everything that is wrong, at once.
            OSError: there is no room for the source.
        """
        path = self.folder / f"source-{intake.place.interaction_id}-{secrets.token_hex(4)}"
        part = path.with_name(f"{path.name}-part")
        try:
            properties, request = await self._checked(intake, path)
            if is_longer_than_its_model_takes(request, properties.length_seconds):
                request, properties = await self._trimmed(path, part, request, properties)
            sent = part if part.exists() else path
            url = await self._upload(sent, intake.source.name, properties.format)
            await fault_points.pause_at("after the source upload")
        finally:
            path.unlink(missing_ok=True)
            part.unlink(missing_ok=True)
        return HandedOver(request=request, properties=properties, url=url)

    async def _trimmed(
        self, path: Path, part: Path, request: ExtensionRequest, properties: AudioProperties
    ) -> tuple[ExtensionRequest, AudioProperties]:
        """Write what the model takes of a long source to `part`: the request that knows of it, and what the part is.

        Raises:
            Refused: nothing can be made of it.
        """
        model, until = request.known_model, trimmed_until(request, properties.length_seconds)
        at_most = float(model.source_max_seconds) if model else properties.length_seconds
        try:
            trimmed = await self._studio.trim(path, part, until_seconds=until, at_most_seconds=at_most)
            found = await self._audio.probe(part)
            if found.length_seconds > at_most + TRIMMED_SLACK_SECONDS:
                raise SourceTooCostly(f"the part of {at_most:g} s became {found.length_seconds:g} s")
        except BadSource as error:
            log.info("source cannot be trimmed: %s", error)
            raise Refused([error.sentence], rules=[error.rule], options=[error.option]) from error
        return replace(request, source_began_at=trimmed.began_at), found

    async def read(self, source: SourceChoice, path: Path) -> AudioProperties:
        """Fetch a source to `path` and probe it; the file is the caller's to remove. Raises `BadSource`."""
        await self._fetch(source, path)
        return await self._audio.probe(path)

    async def _checked(self, intake: Intake, path: Path) -> tuple[AudioProperties, ExtensionRequest]:
        """What was found in the source, and the request as it was asked for."""
        problems: list[Text] = []
        rules: list[str] = []
        options: list[str | None] = []
        properties = None
        try:
            properties = await self.read(intake.source, path)
        except BadSource as error:
            log.info("source not usable: %s", error)
            problems.append(error.sentence)
            rules.append(error.rule)
            options.append(error.option)
        request = replace(
            intake.request,
            source_length=properties.length_seconds if properties else None,
            source_model=intake.source.model,
        )
        broken = broken_rules(adjusted(request), self._offer)
        problems += [rule.sentence for rule in broken]
        rules += [rule.name for rule in broken]
        options += [rule.option for rule in broken]
        if problems or properties is None:
            refusal = Refused(problems, rules=rules, options=options)
            refusal.can_be_trimmed = any(rule.name == TOO_LONG for rule in broken)
            raise refusal
        return properties, request

    async def _fetch(self, source: SourceChoice, path: Path) -> None:
        """Through the message that it is in, if its link has expired. Raises `BadSource`."""
        try:
            await self._fetcher.fetch(source.locator, path, limit_bytes=self._max_source_bytes)
        except SourceUnreachable as error:
            link = await self._files.fresh_link(source.message, source.name) if source.message else None
            if link is None and isinstance(error, SourceGone) and source.kind is not SourceKind.URL:
                raise SourceGone(str(error), FILE_GONE) from error  # its member gave a file and knows of no link
            if link is None:
                raise
            log.info("a source's link had expired; its message has a new one")
            await self._fetcher.fetch(link, path, limit_bytes=self._max_source_bytes)

    async def _upload(self, path: Path, name: str, audio_format: AudioFormat) -> str:
        try:
            return await self._provider.upload(path, name=name, audio_format=audio_format)
        except (ProviderBusy, ProviderSilent) as error:
            log.warning(
                "the source could not be handed over (%s): if this lasts, check SUNO_UPLOAD_URL and the network", error
            )
            raise Refused([NOT_TAKEN], rules=[Gate.PROVIDER]) from error
        except ProviderError as error:
            log.error("the source was not taken: %s", error)  # noqa: TRY400  # expected; one line is enough
            await self._account.tell_of(error)
            rule = _UPLOAD_RULES.get(trouble_of(error), "upload_refused")
            raise Refused([error.sentence], rules=[rule]) from error
