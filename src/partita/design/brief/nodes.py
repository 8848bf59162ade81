"""The nodes of a YAML text with their lines. A word stays the word that was written: `on`, `yes` and `no` are texts."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from partita.design.brief.refused import BriefRefused
from partita.design.model.finding import Finding
from partita.errors import SettingsError

BYTES_MAX = 1_000_000
DEPTH_MAX = 12
NODES_MAX = 100_000
QUOTES = ("'", '"', "|", ">")
"""Styles of a text; the two parsers of PyYAML give a plain word no style, or an empty one."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A word, a number or a text; `quoted` where quotes or a block say that it is a text."""

    line: int
    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping; each entry has the line of its key."""

    line: int
    entries: tuple[tuple[Scalar, Node], ...]


Node = Scalar | Items | Entries


@dataclass(slots=True)
class _Open:
    """A list or a mapping whose end was not read yet."""

    line: int
    is_mapping: bool
    nodes: list[Node]


def read_nodes(text: str, source: str) -> Node:
    """The one document of a text.

    Raises:
        BriefRefused: it is no YAML, too large or too deep, or it has anchors, aliases, tags or a second document.
        SettingsError: PyYAML is not installed.
    """
    if len(text.encode("utf-8", "surrogatepass")) > BYTES_MAX:
        raise _refused(source, 1, f"The text has more than {BYTES_MAX:,} bytes.", "a brief for each domain.")
    yaml = _yaml()
    reader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = _compose(yaml, yaml.parse(text, Loader=reader), source)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refused(source, line, f"This is no YAML: {error.problem}.", "`key: value`, nested by spaces.") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise _refused(source, 1, "The text has characters that YAML does not allow.", "plain UTF-8.") from error
    if found is None:
        raise _refused(source, 1, "The text is empty.", "`design: 1` first; `partita design new` writes a whole brief.")
    return found


def _yaml() -> Any:  # another project's module, of no types here
    try:
        return importlib.import_module("yaml")
    except ImportError:
        raise SettingsError(
            "A brief is YAML, and PyYAML, which reads YAML, is not installed.", hint="pip install 'partita[yaml]'"
        ) from None


def _compose(yaml: Any, events: Any, source: str) -> Node | None:
    """The first node. The nesting is a list and not the stack of calls: no depth of a text can exhaust it."""
    opened: list[_Open] = []
    root: Node | None = None
    documents = count = 0
    for event in events:
        line = event.start_mark.line + 1
        count += 1
        if count > NODES_MAX:
            raise _refused(source, line, f"The text has more than {NODES_MAX:,} parts.", "a brief for each domain.")
        node: Node | None = None
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _refused(source, line, "A second document begins.", "one document in a file.")
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refused(source, line, "Anchors and aliases (`&name`, `*name`) are not read.", "the value itself.")
        elif getattr(event, "tag", None) is not None and event.tag != "!":
            raise _refused(source, line, "Tags (`!name`) are not read.", "the value without its tag.")
        elif isinstance(event, yaml.ScalarEvent):
            node = Scalar(line, event.value, event.style in QUOTES)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            opened.append(_Open(line, isinstance(event, yaml.MappingStartEvent), []))
            if len(opened) > DEPTH_MAX:
                raise _refused(source, line, f"Parts are nested more than {DEPTH_MAX} deep.", "fewer levels.")
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            node = _closed(opened.pop(), source)
        if node is not None and opened:
            opened[-1].nodes.append(node)
        elif node is not None:
            root = node
    return root


def _closed(part: _Open, source: str) -> Node:
    if not part.is_mapping:
        return Items(part.line, tuple(part.nodes))
    entries: list[tuple[Scalar, Node]] = []
    seen: dict[str, int] = {}
    for key, value in zip(part.nodes[::2], part.nodes[1::2], strict=True):
        if not isinstance(key, Scalar):
            raise _refused(source, key.line, "A list or a mapping is used as a key.", "a word before the `:`.")
        if key.text in seen:
            what = f"The key {key.text!a:.80} is here a second time, after line {seen[key.text]}."
            raise _refused(source, key.line, what, "each key once.")
        seen[key.text] = key.line
        entries.append((key, value))
    return Entries(part.line, tuple(entries))


def _refused(source: str, line: int, what: str, write: str) -> BriefRefused:
    why = "The reader takes plain YAML alone, so that a line means the same to each of its readers."
    return BriefRefused(source, [Finding(line, "yaml", what, why, write)])
