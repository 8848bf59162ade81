"""A document as one HTML page: no script, no file beside it, both themes, and pages that print."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Many
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
    Section,
    Sequence,
    Table,
)
from partita.design.rendering.legend import LEGEND
from partita.design.rendering.pictures import svg_of
from partita.exports.seal import UNSEALED, sealed
from partita.flow.drawing import FORBIDDEN, STYLE

GENERATOR = "partita design build"


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
        f'<p class="legend">{_text(f"Made of `{document.source}` by `partita design build`. {LEGEND}")}</p>',
        "</header>",
        "<nav><ol>",
        *(f'<li><a href="#s{s.number}"><b>{s.number}</b> {_text(s.title)}</a></li>' for s in document.sections),
        "</ol></nav>",
        "<main>",
    ]
    for section in document.sections:
        lines += _section(section, styled=not drawing_style)
    return "\n".join([*lines, "</main>", "</body>", "</html>"]) + "\n"


def _section(section: Section, *, styled: bool) -> Iterator[str]:
    yield f'<section id="s{section.number}">'
    yield f"<h2><span>{section.number}</span> {_text(section.title)}</h2>"
    for block in section.blocks:
        yield from _block(block, styled=styled)
    yield "</section>"


def _block(block: Block, *, styled: bool) -> Iterator[str]:
    match block:
        case Heading(text):
            yield f"<h3>{_text(text)}</h3>"
        case Paragraph(text, mark):
            yield f"<p>{_text(text)} {_mark(mark)}</p>"
        case Bullets(items):
            yield "<ul>"
            yield from (f"<li>{_text(item.text)} {_mark(item.mark)}</li>" for item in items)
            yield "</ul>"
        case Table(columns, rows):
            yield from _table(columns, [(row.cells, row.mark) for row in rows], "")
        case Calculations(of):
            cells = [((one.name, one.formula, one.values, one.result), one.mark) for one in of]
            yield from _table(("number", "formula", "values", "result"), cells, ' class="sums"')
        case Code(_, text, caption, mark):
            yield "<figure>"
            yield f"<figcaption>{_text(caption)} {_mark(mark)}</figcaption>"
            yield f"<pre><code>{_plain(text)}</code></pre>"
            yield "</figure>"
        case Figure() | Sequence():
            yield '<figure class="picture">'
            yield svg_of(block, styled=styled)
            yield f"<figcaption>{_text(block.caption)} {_mark(block.mark)}</figcaption>"
            yield "</figure>"


def _table(columns: Many[str], rows: Many[tuple[Many[str], Mark]], kind: str) -> Iterator[str]:
    yield f'<div class="wide"><table{kind}>'
    yield f"<thead><tr>{''.join(f'<th>{_text(column)}</th>' for column in columns)}<th></th></tr></thead>"
    yield "<tbody>"
    for cells, mark in rows:
        yield f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}<td>{_mark(mark)}</td></tr>"
    yield "</tbody></table></div>"


def _mark(mark: Mark) -> str:
    return f'<span class="mark m-{mark.value}">{mark.value}</span>'


def _text(text: str) -> str:
    """A text with its names as code. A backtick without its second one is a plain letter."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    return "".join(
        f"<code>{_plain(part)}</code>" if position % 2 and part else _plain(part) for position, part in enumerate(parts)
    )


def _plain(text: str) -> str:
    return escape(FORBIDDEN.sub("\ufffd", text))
