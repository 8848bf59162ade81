"""A document from elsewhere: read within limits, its references followed within it, nothing fetched."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

from partita.errors import SettingsError

BYTES_MAX = 10_000_000
PARTS_MAX = 500_000
DEPTH_MAX = 100
REFERENCES_MAX = 50
"""So many references may lead to one another before a part is reached."""
Json = dict[str, Any]


def read_document(data: bytes, where: str) -> Json:
    """The mapping in a text of JSON, or of YAML without aliases.

    Raises:
        SettingsError: it is too large, too deep, or no mapping in one of these languages.
    """
    if len(data) > BYTES_MAX:
        raise SettingsError(f"{where} has more than {BYTES_MAX:,} bytes.", hint="Import a smaller part of it.")
    try:
        text = data.decode("utf-8-sig")
        found = json.loads(text) if text.lstrip().startswith("{") else _yaml(text, where)
        _check_size(found, where)
    except RecursionError:
        raise SettingsError(f"{where} is too deep.", hint=f"Its parts may be {DEPTH_MAX} deep.") from None
    except ValueError as error:
        raise SettingsError(
            f"{where} cannot be read: {error!s:.200}", hint="Save it as JSON or YAML in UTF-8."
        ) from error
    if not isinstance(found, dict):
        raise SettingsError(f"{where} is no document of AsyncAPI.", hint="It begins with `asyncapi: 3.1.0`.")
    return found


def _yaml(text: str, where: str) -> Any:
    try:
        yaml: Any = importlib.import_module("yaml")  # another project's module, of no types here
    except ImportError:
        raise SettingsError(
            f"{where} is no JSON, and PyYAML, which reads YAML, is not installed.", hint="pip install 'partita[yaml]'"
        ) from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # see above
        """Plain values alone; an alias could make a small text a value of any size."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise ValueError("it has aliases, which are not read")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _check_size(value: Any, where: str) -> None:
    """Refuse a document with more parts, or deeper ones, than a person writes."""
    level, count = [value], 0
    for _ in range(DEPTH_MAX):
        level = [inner for each in level for inner in _within(each)]
        count += len(level)
        if count > PARTS_MAX:
            raise SettingsError(f"{where} has more than {PARTS_MAX:,} parts.", hint="Import a smaller part of it.")
        if not level:
            return
    raise SettingsError(f"{where} is too deep.", hint=f"Its parts may be {DEPTH_MAX} deep.")


def _within(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


class Document:
    """A document whose references are followed."""

    def __init__(self, root: Json) -> None:
        self.root = root

    def part(self, *path: str) -> Json:
        """The mapping at a path; empty where there is none."""
        found: Any = self.root
        for word in path:
            found = self.followed(found).get(word, {})
        return self.followed(found)

    def followed(self, value: Any) -> Json:
        """A mapping, or the one that a reference leads to; empty where it is no mapping.

        Raises:
            SettingsError: a reference leads out of the document, nowhere, or in a circle.
        """
        reference = ""
        for _ in range(REFERENCES_MAX):
            if not isinstance(value, dict):
                return {}
            if not isinstance(value.get("$ref"), str):
                return value
            reference = value["$ref"]
            value = self._at(reference)
        raise SettingsError(f"The references lead in a circle, at {reference!r:.120}.", hint="Mend the document.")

    def _at(self, reference: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise SettingsError(
                f"The document refers to {reference!r:.120}, which is outside of it, and nothing is fetched.",
                hint="Put it into the document first: `asyncapi bundle FILE`.",
            )
        found: Any = self.root
        for word in reference.split("/")[1:]:
            name = word.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                raise SettingsError(f"The reference {reference!r:.120} leads nowhere.", hint="Mend the document.")
            found = found[name]
        return found
