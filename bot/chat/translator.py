"""Descriptions of commands and options in the catalogue's languages, for Discord to show."""

import logging

from discord import Locale, app_commands
from discord.app_commands import TranslationContextLocation, TranslationContextTypes, locale_str

from bot.text import Catalogue

log = logging.getLogger(__name__)

DESCRIPTION_MAX = 100
"""Characters. Discord would refuse all commands over one longer description."""

_DESCRIPTIONS = frozenset(
    {
        TranslationContextLocation.command_description,
        TranslationContextLocation.group_description,
        TranslationContextLocation.parameter_description,
    }
)


class DescriptionTranslator(app_commands.Translator):
    """Names stay English, so that `/extend` is `/extend` in every guide and chat."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def digest(self) -> str:
        """Another one if any translation has changed."""
        return self._catalogue.digest()

    async def translate(self, string: locale_str, locale: Locale, context: TranslationContextTypes) -> str | None:
        """The description in `locale`; None leaves it English."""
        if context.location not in _DESCRIPTIONS:
            return None
        translated = self._catalogue.translation(string.message, str(locale))
        if translated is not None and len(translated) > DESCRIPTION_MAX:
            log.warning(
                "the description %r has %d characters in %s; Discord takes %d, so it stays English there",
                string.message,
                len(translated),
                locale,
                DESCRIPTION_MAX,
            )
            return None
        return translated
