"""A form as the member sees it, and what goes back when it is filled in (docs/discord.md 2.4 and 7)."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.discord.refuse.components import (
    CHECKBOX,
    CHECKBOX_GROUP,
    FILE_UPLOAD,
    LABEL,
    RADIO_GROUP,
    ROW,
    SELECTS,
    STRING_SELECT,
    TEXT_DISPLAY,
    TEXT_INPUT,
)
from bot.sandbox.discord.refuse.limits import TEXT_INPUT_MAX
from bot.sandbox.discord.user.client import ClientRefuses, Upload, attach, resolved_of
from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.world.channels import Channel
from bot.sandbox.discord.world.interactions import Interaction
from bot.sandbox.discord.world.shapes import Json

ENTITY_SELECTS = frozenset(SELECTS) - {STRING_SELECT}


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in. `component` is its definition on the wire."""

    label: str
    description: str
    component: Json

    @property
    def custom_id(self) -> str:
        return str(self.component["custom_id"])

    @property
    def is_required(self) -> bool:
        return self.component.get("required") is not False

    @property
    def value(self) -> str:
        """The text that an input starts with."""
        return str(self.component.get("value") or "")


class Modal:
    """An open form."""

    def __init__(self, interaction: Interaction) -> None:
        assert interaction.modal is not None, "no form was opened"  # noqa: S101  # misuse
        self.interaction = interaction
        self._data = interaction.modal

    @property
    def title(self) -> str:
        return str(self._data["title"])

    @property
    def custom_id(self) -> str:
        return str(self._data["custom_id"])

    @property
    def fields(self) -> list[Field]:
        found = []
        for row in self._data["components"]:
            if row["type"] == LABEL:
                found.append(Field(row["label"], row.get("description") or "", row["component"]))
            elif row["type"] == ROW:
                found.append(Field(row["components"][0]["label"], "", row["components"][0]))
        return found

    @property
    def texts(self) -> list[str]:
        """What it says besides its fields."""
        return [row["content"] for row in self._data["components"] if row["type"] == TEXT_DISPLAY]

    def field(self, name: str) -> Field:
        """By custom_id or label."""
        for field in self.fields:
            if name in (field.custom_id, field.label):
                return field
        raise ClientRefuses(f"the form {self.title!r} has no {name!r}, only {[field.label for field in self.fields]}")

    def filled(self, answers: Mapping[str, object], places: Mapping[int, Channel]) -> Json:
        """`data` of the submit; `answers` by custom_id or label; `places` are all channels there are.

        Text inputs take str, choices str or a list of str, a checkbox bool, a file upload `Upload`s.

        Raises:
            ClientRefuses: a required field is empty, a text too long or short, a choice not among the options.
        """
        by_id = {self.field(name).custom_id: value for name, value in answers.items()}
        resolved: Json = {}
        rows = []
        for number, row in enumerate(self._data["components"], start=1):
            if row["type"] == LABEL:
                component = self._component(row["component"], by_id, resolved, places)
                rows.append({"type": LABEL, "id": number, "component": component})
            elif row["type"] == ROW:
                component = self._component(row["components"][0], by_id, resolved, places)
                rows.append({"type": ROW, "id": number, "components": [component]})
            else:
                rows.append({"type": row["type"], "id": number})
        data: Json = {"custom_id": self.custom_id, "components": rows}
        if resolved:
            data["resolved"] = resolved
        return data

    def _component(
        self, component: Json, by_id: Mapping[str, object], resolved: Json, places: Mapping[int, Channel]
    ) -> Json:
        kind, custom_id = component["type"], component["custom_id"]
        value = by_id.get(custom_id)
        sent: Json = {"type": kind, "id": 100 + len(custom_id), "custom_id": custom_id}
        if kind == TEXT_INPUT:
            return {**sent, "value": _text(component, value)}
        if kind == CHECKBOX:
            return {**sent, "value": bool(component.get("default") if value is None else value)}
        if kind == RADIO_GROUP:
            chosen = _chosen(component, value, most=1)
            return {**sent, "value": chosen[0] if chosen else None}
        if kind == FILE_UPLOAD:
            return {**sent, "values": self._uploaded(component, value, resolved)}
        most = 10 if kind == CHECKBOX_GROUP else 1
        values = _chosen(component, value, most=component.get("max_values") or most)
        if kind in ENTITY_SELECTS:
            found = resolved_of(kind, values, self.interaction.channel, self.interaction.member, places)
            for folder, entries in found.items():
                resolved.setdefault(folder, {}).update(entries)
        return {**sent, "values": values}

    def _uploaded(self, component: Json, value: object, resolved: Json) -> list[str]:
        files = [value] if isinstance(value, Upload) else value or []
        if not isinstance(files, list) or not all(isinstance(file, Upload) for file in files):
            raise ClientRefuses("a file upload takes Uploads")
        _check_count(component, len(files), most=component.get("max_values") or 1)
        ids = []
        for file in files:
            attachment = attach(file, self.interaction.channel, self.interaction.member, ephemeral=True)
            resolved.setdefault("attachments", {})[str(attachment.id)] = payloads.attachment(attachment)
            ids.append(str(attachment.id))
        return ids


def _text(component: Json, value: object) -> str:
    text = component.get("value") or "" if value is None else value
    if not isinstance(text, str):
        raise ClientRefuses(f"{component['custom_id']} takes text")
    if not text and component.get("required") is not False:
        raise ClientRefuses(f"{component['custom_id']} is required")
    least, most = component.get("min_length") or 0, component.get("max_length") or TEXT_INPUT_MAX
    if text and not least <= len(text) <= most:
        raise ClientRefuses(f"{component['custom_id']} takes {least} to {most} characters, not {len(text)}")
    return text


def _chosen(component: Json, value: object, *, most: int) -> list[str]:
    if value is None:
        defaults = [option["value"] for option in component.get("options") or [] if option.get("default")]
        chosen = defaults
    else:
        chosen = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    if component["type"] in (STRING_SELECT, RADIO_GROUP, CHECKBOX_GROUP):
        known = [option["value"] for option in component.get("options") or []]
        if unknown := set(chosen) - set(known):
            raise ClientRefuses(f"{component['custom_id']} has no option {', '.join(sorted(unknown))}")
    _check_count(component, len(chosen), most=most)
    return chosen


def _check_count(component: Json, count: int, *, most: int) -> None:
    least = 0 if component.get("required") is False else component.get("min_values", 1)
    if count > most or count < (least or 0):
        raise ClientRefuses(f"{component['custom_id']} takes {least} to {most} choices, not {count}")
