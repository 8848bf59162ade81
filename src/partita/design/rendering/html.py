"""A document as one HTML page: no script, no file beside it, both themes, and pages that print."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from html import escape
from importlib import resources

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
from partita.design.rendering.pictures import svg_of
from partita.exports.seal import UNSEALED, sealed
from partita.flow.drawing import FORBIDDEN, STYLE

GENERATOR = "partita design build"
ONE_PAGE = "0"
NARROW, NARROW_MAX = ' class="n"', 12
"""A short cell, as a number with its unit, stays on one line."""
PART_MAX = 30
WORDS = re.compile(r"(?<=[_./-])(?=\w)|(?<=[a-z0-9])(?=[A-Z])")


def html(document: Document) -> str:
    """The page of a document."""
    return sealed(page(document, STYLE))


def page(document: Document, drawing_style: str) -> str:
    """The page without its seal, with these styles of its pictures; empty = each picture has its own."""
    css = (resources.files("partita.design.rendering") / "page.css").read_text(encoding="utf-8")
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f'<meta name="generator" content="{GENERATOR}">',
        f"<!-- {UNSEALED} -->",
        f"<title>{_plain(document.title)}</title>",
        f"<style>\n{css}{drawing_style}</style>",
        "</head>",
        "<body>",
        "<header>",
        f"<h1>{_text(document.title)}</h1>",
        f'<p class="legend">{_text(f"Made of `{document.source}`. {LEGEND}")}</p>',
        "</header>",
        *_contents(document, "contents"),
        "<main>",
    ]
    numbers = {section.number for section in document.sections}
    for section in document.sections:
        lines += _section(section, numbers, styled=not drawing_style)
        lines += _contents(document, "printed") if section.number == ONE_PAGE else ()
    return "\n".join([*lines, "</main>", "</body>", "</html>"]) + "\n"


def _contents(document: Document, kind: str) -> Iterator[str]:
    """The list of the sections: at the head of a screen, and behind the first page of a print."""
    yield f'<nav class="{kind}"><ol>'
    for section in document.sections:
        yield f'<li><a href="#s{section.number}"><b>{section.number}</b> {_text(section.title)}</a></li>'
    yield "</ol></nav>"


def _section(section: Section, numbers: Set[str], *, styled: bool) -> Iterator[str]:
    """A section; an appendix is folded on a screen, and opened by each link to it."""
    heading = f"<h2><span>{section.number}</span> {_text(section.title)}</h2>"
    if section.is_appendix:
        yield f'<details class="appendix"{" open" if styled else ""}><summary>{heading}</summary>'
        yield f'<section id="s{section.number}">'
    else:
        yield f'<section id="s{section.number}">'
        yield heading
    for block in section.blocks:
        yield from _block(block, numbers, styled=styled)
    yield "</section>"
    if section.is_appendix:
        yield "</details>"


def _block(block: Block, numbers: Set[str], *, styled: bool) -> Iterator[str]:
    match block:
        case Heading(text):
            yield f"<h3>{_text(text)}</h3>"
        case Paragraph(text, mark):
            yield f"<p>{_text(text)} {_mark(mark)}</p>"
        case Pointer(to, text):
            name = f"Appendix {to}, {_text(block.title)}"
            link = f'<a href="#s{to}">{name}</a>' if to in numbers else name
            yield f'<p class="pointer">{link}: {_text(text)}</p>'
        case Bullets(items):
            yield "<ul>"
            yield from (f"<li>{_text(item.text)} {_mark(item.mark)}</li>" for item in items)
            yield "</ul>"
        case Table():
            yield from _table(block, "")
        case Calculations():
            yield from _table(shown_sums(block), ' class="sums"')
        case Code(_, text, caption, mark):
            yield "<figure>"
            yield f"<figcaption>{_text(caption)} {_mark(mark)}</figcaption>"
            yield f"<pre><code>{_plain(text)}</code></pre>"
            yield "</figure>"
        case Figure() | Sequence():
            yield f'<figure class="picture{" sequence" if isinstance(block, Sequence) else ""}">'
            yield svg_of(block, styled=styled)
            yield f"<figcaption>{_text(block.caption)} {_mark(block.mark)}</figcaption>"
            yield "</figure>"


def _table(block: Table, kind: str) -> Iterator[str]:
    if block.common:
        yield f'<p class="once">{_text(said_once(block.common))}</p>'
    yield f'<div class="wide"><table{kind}>'
    yield f"<thead><tr>{''.join(f'<th>{_text(column)}</th>' for column in block.columns)}<th></th></tr></thead>"
    yield "<tbody>"
    for row in block.rows:
        cells = "".join(f"<td{NARROW if len(cell) <= NARROW_MAX else ''}>{_text(cell)}</td>" for cell in row.cells)
        yield f"<tr>{cells}<td>{_mark(row.mark)}</td></tr>"
    yield "</tbody></table></div>"


def _mark(mark: Mark) -> str:
    return f'<span class="mark m-{mark.value}">{mark.value}</span>'


def _text(text: str) -> str:
    """A text with its names as code. A backtick without its second one is a plain letter."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    return "".join(
        f"<code>{_name(part)}</code>" if position % 2 and part else _plain(part) for position, part in enumerate(parts)
    )


def _name(text: str) -> str:
    """A name as code: a narrow column may break it between its words."""
    parts = (part[at : at + PART_MAX] for part in WORDS.split(text) for at in range(0, len(part), PART_MAX))
    return "<wbr>".join(map(_plain, parts))


def _plain(text: str) -> str:
    return escape(FORBIDDEN.sub("\ufffd", text))
