"""Checks of buttons, menus and layouts in a message (docs/discord.md 3; OpenAPI)."""

from collections.abc import Callable

from bot.sandbox.discord.refuse import fields, limits
from bot.sandbox.discord.refuse.content import MEDIA
from bot.sandbox.discord.refuse.limits import Problems
from bot.sandbox.discord.world.shapes import Json

ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = 5, 6, 7, 8
SELECTS = (STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT)
SECTION, TEXT_DISPLAY, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
LABEL, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 18, 19, 21, 22, 23
LINK_STYLE, PREMIUM_STYLE = 5, 6
LAYOUT = (ROW, SECTION, TEXT_DISPLAY, GALLERY, FILE, SEPARATOR, CONTAINER)
IN_CONTAINER = (ROW, SECTION, TEXT_DISPLAY, GALLERY, FILE, SEPARATOR)


class ComponentCheck:
    """Walks through the components of one message; `texts` and `count` are totals."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._ids: set[str] = set()
        self.count = 0
        self.texts = 0
        self._checks: dict[int, Callable[[Json], None]] = {
            ROW: self._row,
            BUTTON: self._button,
            SECTION: self._section,
            TEXT_DISPLAY: self._text_display,
            THUMBNAIL: self._thumbnail,
            GALLERY: self._gallery,
            FILE: self._file,
            SEPARATOR: self._separator,
            CONTAINER: self._container,
            **dict.fromkeys(SELECTS, self.select),
        }

    def classic(self, body: Json) -> None:
        """Only rows of buttons and menus."""
        self._children(body, "components", (ROW,), most=limits.ROWS_MAX)

    def layout(self, body: Json) -> None:
        """Components V2."""
        self._children(body, "components", LAYOUT, most=limits.V2_COMPONENTS_MAX)
        if self.count > limits.V2_COMPONENTS_MAX:
            self._problems.add(
                "BASE_TYPE_MAX_LENGTH",
                f"The total number of components may not exceed {limits.V2_COMPONENTS_MAX}",
                "components",
            )
        if self.texts > limits.V2_TEXT_MAX:
            self._problems.add(
                "BASE_TYPE_MAX_LENGTH", f"The text of all components may not exceed {limits.V2_TEXT_MAX}", "components"
            )

    def custom_id(self, component: Json) -> None:
        given = fields.text(component, "custom_id", self._problems, most=limits.CUSTOM_ID_MAX, least=1, required=True)
        if given is not None and given in self._ids:
            self._problems.add(
                "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated", "custom_id"
            )
        if given is not None:
            self._ids.add(given)

    def _children(
        self, body: Json, key: str, kinds: tuple[int, ...], *, most: int, least: int = 0, required: bool = False
    ) -> None:
        for index, value in enumerate(
            fields.rows(body, key, self._problems, most=most, least=least, required=required)
        ):
            with self._problems.at(key, index):
                self._one(value, kinds)

    def _one(self, value: object, kinds: tuple[int, ...]) -> None:
        self.count += 1
        component = fields.as_object(value, self._problems)
        kind = fields.one_of(component, "type", self._problems, kinds)
        if kind is not None:
            self._checks[kind](component)

    def _row(self, row: Json) -> None:
        self._children(row, "components", (BUTTON, *SELECTS), most=limits.BUTTONS_MAX, least=1, required=True)
        kinds = [child.get("type") for child in row.get("components") or [] if isinstance(child, dict)]
        if len(kinds) > 1 and any(kind in SELECTS for kind in kinds):
            self._problems.add(
                "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "A menu takes the whole width of its row", "components"
            )

    def _button(self, button: Json) -> None:
        style = fields.one_of(button, "style", self._problems, range(1, 7))
        fields.text(button, "label", self._problems, most=limits.LABEL_MAX)
        fields.flag(button, "disabled", self._problems)
        if style == PREMIUM_STYLE:
            return
        if not button.get("label") and not button.get("emoji"):
            self._problems.add("BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji")
        if style == LINK_STYLE:
            fields.url(button, "url", self._problems, most=limits.BUTTON_URL_MAX, schemes=("http", "https", "discord"))
            if not button.get("url"):
                self._problems.add("BUTTON_COMPONENT_URL_REQUIRED", "A url is required", "url")
            if button.get("custom_id"):
                self._problems.add(
                    "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified"
                )
            return
        if button.get("url"):
            self._problems.add(
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified"
            )
        self.custom_id(button)

    def select(self, select: Json) -> None:
        """A menu of any kind."""
        self.custom_id(select)
        fields.text(select, "placeholder", self._problems, most=limits.SELECT_PLACEHOLDER_MAX)
        fields.number(select, "min_values", self._problems, least=0, most=limits.SELECT_OPTIONS_MAX)
        fields.number(select, "max_values", self._problems, least=1, most=limits.SELECT_OPTIONS_MAX)
        if select.get("type") == STRING_SELECT:
            self.options(select, least=1, most=limits.SELECT_OPTIONS_MAX)

    def options(self, of: Json, *, least: int, most: int) -> None:
        """The options of a menu: labels, unique values, descriptions."""
        values: set[str] = set()
        for index, value in enumerate(
            fields.rows(of, "options", self._problems, least=least, most=most, required=True)
        ):
            with self._problems.at("options", index):
                option = fields.as_object(value, self._problems)
                fields.text(option, "label", self._problems, most=limits.SELECT_TEXT_MAX, least=1, required=True)
                chosen = fields.text(
                    option, "value", self._problems, most=limits.SELECT_TEXT_MAX, least=1, required=True
                )
                fields.text(option, "description", self._problems, most=limits.SELECT_TEXT_MAX)
                if chosen is not None and chosen in values:
                    self._problems.add(
                        "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                        "The specified option value is already used",
                        "value",
                    )
                values.add(chosen or "")

    def _section(self, section: Json) -> None:
        self._children(section, "components", (TEXT_DISPLAY,), most=3, least=1, required=True)
        if section.get("accessory") is None:
            self._problems.add(*fields.REQUIRED, "accessory")
            return
        with self._problems.at("accessory"):
            self._one(section["accessory"], (BUTTON, THUMBNAIL))

    def _text_display(self, display: Json) -> None:
        said = fields.text(display, "content", self._problems, most=limits.V2_TEXT_MAX, least=1, required=True)
        self.texts += len(said or "")

    def _thumbnail(self, thumbnail: Json) -> None:
        self._media(thumbnail, "media", MEDIA)

    def _gallery(self, gallery: Json) -> None:
        for index, value in enumerate(fields.rows(gallery, "items", self._problems, most=10, least=1, required=True)):
            with self._problems.at("items", index):
                self._media(fields.as_object(value, self._problems), "media", MEDIA)

    def _file(self, file: Json) -> None:
        self._media(file, "file", ("attachment",))

    def _separator(self, separator: Json) -> None:
        fields.flag(separator, "divider", self._problems)

    def _container(self, container: Json) -> None:
        self._children(container, "components", IN_CONTAINER, most=limits.V2_COMPONENTS_MAX, least=1, required=True)

    def _media(self, of: Json, key: str, schemes: tuple[str, ...]) -> None:
        if of.get(key) is None:
            self._problems.add(*fields.REQUIRED, key)
            return
        with self._problems.at(key):
            fields.url(
                fields.as_object(of[key], self._problems), "url", self._problems, most=limits.URL_MAX, schemes=schemes
            )
