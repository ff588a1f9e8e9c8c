"""Members' presets: saved, listed, used, deleted, and found again for `/extend`."""

from bot.domain.models import Offer
from bot.domain.presets import PRESETS_MAX, Preset, broken_by, is_offered, name_key
from bot.domain.text import Said, text
from bot.domain.titles import shows
from bot.errors import Refused
from bot.services.common.ports import Storage, Work

NONE = "-"
"""Typed in place of a preset's name: none this time, whichever is in use."""


class Presets:
    def __init__(self, storage: Storage, *, offer: Offer) -> None:
        self._storage = storage
        self._offer = offer

    async def save(self, preset: Preset) -> bool:
        """Keep it, in place of the member's preset of the same name; whether there was one.

        Raises:
            Refused: it holds nothing, breaks a rule of the music service, or is one too many.
        """
        if not shows(preset.name) or name_key(preset.name) == NONE:
            raise Refused([text("Give the preset a name.")])
        if not preset.options.given:
            raise Refused([text("A preset needs at least one option, such as a `style` or a `model`.")])
        if broken := broken_by(preset.options, self._offer):
            raise Refused([rule.sentence for rule in broken], rules=[rule.name for rule in broken])

        async def saved(work: Work) -> bool:
            before = await work.presets.of_member(preset.member_id)
            is_known = any(name_key(each.name) == name_key(preset.name) for each in before)
            if not is_known and len(before) >= PRESETS_MAX:
                raise Refused(
                    [text("You have {count} presets, which is as many as I keep. Delete one first.", count=len(before))]
                )
            await work.presets.put(preset)
            return is_known

        return await self._storage.write(saved)

    async def all(self, member_id: int) -> list[Preset]:
        """By name."""
        return await self._storage.reading.presets.of_member(member_id)

    async def use(self, member_id: int, name: str | None) -> Preset | None:
        """From now on, this preset counts wherever its member names none; None: none does.

        Raises:
            Refused: the member has no such preset.
        """

        async def used(work: Work) -> Preset | None:
            preset = None if name is None else _existing(await work.presets.get(member_id, name), name)
            await work.presets.use(member_id, name)
            return preset

        return await self._storage.write(used)

    async def delete(self, member_id: int, name: str) -> None:
        """Raises `Refused` if the member has no such preset."""
        if not await self._storage.write(lambda work: work.presets.delete(member_id, name)):
            _existing(None, name)

    async def chosen(self, member_id: int, name: str | None) -> Preset | None:
        """The member's preset of this name; without a name, the one in use, if any.

        Raises:
            Refused: the member has no such preset.
        """
        if (name or "").strip() == NONE:
            return None
        if not (name or "").strip():
            return await self._storage.reading.presets.in_use(member_id)
        preset = await self._storage.reading.presets.get(member_id, name or "")
        if preset is None:
            sentence = text(
                "You have no preset “{name}”. See yours with `/preset list`, or go on without one.",
                name=Said(name or ""),
            )
            raise Refused([sentence], rules=["preset_unknown"], options=["preset"])
        return preset

    def check_model(self, preset: Preset | None, *, source_model: str | None) -> None:
        """For a preset whose model counts. The model of a track can always continue it.

        Raises:
            Refused: it is no longer offered.
        """
        if preset is None or is_offered(preset.options, self._offer) or preset.options.model == source_model:
            return
        raise Refused(
            [
                text(
                    "Your preset **{preset}** asks for {model}, which is no longer offered. Choose a `model`, or save"
                    " the preset again.",
                    preset=Said(preset.name),
                    model=Said(preset.options.model),
                )
            ],
            rules=["preset_model"],
            options=["model"],
        )


def _existing(preset: Preset | None, name: str) -> Preset:
    if preset is None:
        raise Refused([text("You have no preset “{name}”. See yours with `/preset list`.", name=Said(name))])
    return preset
