"""A document as Markdown, as GitHub and the documentation's site show it. Each text is escaped: a name is never markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.document.block import (
    Block,
    Bullets,
    Calculations,
    Code,
    Document,
    Figure,
    Heading,
    Mark,
    Paragraph,
    Pointer,
    Section,
    Sequence,
    Table,
)
from partita.design.rendering.legend import LEGEND, said_once, shown_sums
from partita.design.rendering.pictures import files_of
from partita.exports.seal import UNSEALED, sealed
from partita.flow.drawing import FORBIDDEN

_SPECIAL = re.compile(r"[\\*_\[\]|!]")
_FIRST = re.compile(r"^(?:[-+#=](?=\s|[-+#=])|\d+(?=[.)](?:\s|$)))")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "~": "&#126;", "$": "&#36;", "^": "&#94;"})


def markdown(document: Document) -> str:
    """The Markdown of a document; its pictures are beside it in `pictures/`."""
    files = files_of(document)
    lines = [
        f"# {escaped(document.title)}",
        "",
        f"<!-- {UNSEALED} -->",
        "",
        escaped(f"Made of {document.source}. {LEGEND}"),
    ]
    anchors = {s.number: anchor_of(f"{s.number} {s.title}") for s in document.sections}
    for section in document.sections:
        lines += ["", *_section(section, files, anchors)]
    return sealed("\n".join(lines) + "\n")


def anchor_of(heading: str) -> str:
    """The anchor that GitHub and the site give to a heading of ours."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def _section(section: Section, files: dict[str, str], anchors: dict[str, str]) -> Iterator[str]:
    yield f"## {section.number} {escaped(section.title)}"
    for block in section.blocks:
        yield ""
        yield from _block(block, files, anchors)


def _block(block: Block, files: dict[str, str], anchors: dict[str, str]) -> Iterator[str]:
    match block:
        case Pointer(to, text):
            name = f"Appendix {to}, {escaped(block.title)}"
            yield f"{f'[{name}](#{anchors[to]})' if to in anchors else name}: {escaped(text)}"
        case Heading(text):
            yield f"### {escaped(text)}"
        case Paragraph(text, mark):
            yield f"{escaped(text)} {_mark(mark)}"
        case Bullets(items):
            yield from (f"- {escaped(item.text)} {_mark(item.mark)}" for item in items)
        case Table():
            yield from _table(block)
        case Calculations():
            yield from _table(shown_sums(block))
        case Code(language, text, caption, mark):
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
            yield from (
                f"{escaped(caption)} {_mark(mark)}",
                "",
                f"{fence}{language}",
                FORBIDDEN.sub("\ufffd", text),
                fence,
            )
        case Figure(name, _, caption, mark) | Sequence(name, _, _, caption, mark):
            yield f"![{escaped(caption.replace('`', ''))}]({files[name]})"
            yield ""
            yield f"{escaped(caption)} {_mark(mark)}"


def _table(block: Table) -> Iterator[str]:
    if block.common:
        yield from (escaped(said_once(block.common)), "")
    yield f"| {' | '.join(map(escaped, block.columns))} | |"
    yield f"|{'---|' * (len(block.columns) + 1)}"
    for row in block.rows:
        yield f"| {' | '.join(map(escaped, row.cells))} | {_mark(row.mark)} |"


def _mark(mark: Mark) -> str:
    return f"*{mark.value}*"


def escaped(text: str) -> str:
    """A text with its names as code. A backtick without its second one is a plain letter."""
    parts = " ".join(FORBIDDEN.sub("\ufffd", text).split()).split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]}'{parts[-1]}"]
    found = []
    for position, part in enumerate(parts):
        if position % 2 == 0:
            plain = _SPECIAL.sub(lambda letter: "\\" + letter[0], part.translate(_MARKUP))
            found.append(plain if position else _FIRST.sub(_inert, plain))
        elif part:
            found.append(f"`{part}`" if "|" not in part else part.translate(_MARKUP).replace("|", "&#124;"))
    return "".join(found)


def _inert(first: re.Match[str]) -> str:
    """The beginning of a text that would begin a list, a heading or a rule."""
    return f"\\{first[0]}" if not first[0].isdigit() else f"&#{ord(first[0][0])};{first[0][1:]}"
