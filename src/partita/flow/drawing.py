"""The flow map as an SVG: for a README, a document and a page alike, in the light and the dark theme of its reader.

Every text in it is a declared name, so it is data and is escaped. Styles and lines differ by form as well as by
colour, and no script, no font and no image is needed to read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from partita.flow.flow_map import FlowMap
from partita.flow.layered import Layout, Point, laid_out
from partita.flow.picture import HEAD_HEIGHT, PAD, STEP_HEIGHT, Card, Line, Picture, picture_of
from partita.flow.text_width import text_width

WIDTH = 940.0
"""The room of a README; a map that needs more is scaled down by its reader."""
MARGIN = 20.0
LEGEND_HEIGHT = 54.0
LEGEND_WIDTH = 700.0
STUB = 8.0
"""A line leaves its box upright, and comes upright, so far."""
BADGE_ROOM = 34.0
"""The same at a saga, where the numbers of its steps are: equal for all its lines, so that they stay beside one another."""
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may have, not even escaped."""
LIGHT = (
    "--pf-paper:#fff;--pf-ink:#1b2138;--pf-soft:#5a6380;--pf-thin:#7c86a3;--pf-thick:#b3560b;--pf-service:#eef2ff;"
    "--pf-service-edge:#3b55c9;--pf-saga:#fff4e6;--pf-event:#e9f7f3;--pf-event-edge:#12806a;--pf-command:#f5efff;"
    "--pf-command-edge:#7447c9"
)
DARK = (
    "--pf-paper:#0d1117;--pf-ink:#e8ebf5;--pf-soft:#a2abc4;--pf-thin:#7f8aa8;--pf-thick:#f0a04b;--pf-service:#18213f;"
    "--pf-service-edge:#7d97ff;--pf-saga:#33230f;--pf-event:#0f2b27;--pf-event-edge:#43c6a8;--pf-command:#261b40;"
    "--pf-command-edge:#b493ff"
)
STYLE = f"""\
.pf{{{LIGHT};font:13px ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif}}
@media (prefers-color-scheme:dark){{.pf{{{DARK}}}}}
.pf-paper{{fill:var(--pf-paper)}}
.pf text{{fill:var(--pf-ink)}}
.pf .pf-small{{font-size:11px;fill:var(--pf-soft)}}
.pf .pf-step{{font-size:11px}}
.pf .pf-name{{font-weight:600}}
.pf .pf-middle{{text-anchor:middle}}
.pf .pf-end{{text-anchor:end}}
.pf-service{{fill:var(--pf-service);stroke:var(--pf-service-edge);stroke-width:1.5}}
.pf-saga{{fill:var(--pf-saga);stroke:var(--pf-thick);stroke-width:2.5}}
.pf-event{{fill:var(--pf-event);stroke:var(--pf-event-edge);stroke-width:1.5}}
.pf-command{{fill:var(--pf-command);stroke:var(--pf-command-edge);stroke-width:1.5}}
.pf-choreography{{fill:none;stroke:var(--pf-thin);stroke-width:1.5;stroke-dasharray:5 3}}
.pf-orchestration{{fill:none;stroke:var(--pf-thick);stroke-width:2.5}}
.pf-under{{fill:none;stroke:var(--pf-paper);stroke-width:6}}
.pf-thin-tip{{fill:var(--pf-thin)}}
.pf-thick-tip{{fill:var(--pf-thick)}}
.pf-badge{{fill:var(--pf-paper);stroke:var(--pf-thick);stroke-width:1.5}}
.pf-rule{{stroke:var(--pf-thick);stroke-width:1;opacity:.55}}
.pf-pivot{{stroke:var(--pf-thick);stroke-width:1.5;stroke-dasharray:2 3}}
"""
"""A page with a policy for styles serves this text as a file of its own, and takes the drawing without it."""


def svg(found: FlowMap, title: str, *, styled: bool = True) -> str:
    """The drawing of a map."""
    return drawn(picture_of(found), title, styled=styled)


def drawn(picture: Picture, title: str, *, styled: bool = True, legend: bool = True) -> str:
    """The drawing of a picture; one of few forms needs no legend."""
    layout = laid_out([card.box for card in picture.cards], trunks(picture), WIDTH)
    width = max(layout.width, LEGEND_WIDTH if legend else 0.0) + 2 * MARGIN
    height = layout.height + (LEGEND_HEIGHT if legend else 0.0) + 2 * MARGIN
    shift = (width - layout.width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pf" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
        f'height="{_n(height)}" role="img">',
        f"<title>{_text(title)}</title>",
        f"<desc>{_text(picture.summary)}</desc>",
    ]
    if styled:
        parts.append(f"<style>\n{STYLE}</style>")
    parts.append(f'<rect class="pf-paper" width="{_n(width)}" height="{_n(height)}"/>')
    parts.append(f'<g transform="translate({_n(shift)} {_n(MARGIN)})">')
    parts += _lines(picture, layout)
    for card in picture.cards:
        parts += _card(card, layout.centres[card.box.id])
    parts += ["</g>", *(_legend(width, layout.height + 2 * MARGIN) if legend else ()), "</svg>"]
    return "\n".join(parts) + "\n"


def trunks(picture: Picture) -> list[tuple[str, str, str]]:
    """The ends of each line, and its trunk: lines of reactions may share one, a saga's have their numbers."""
    return [(line.origin, line.to, "reactions" if line.style == "choreography" else "") for line in picture.lines]


def _lines(picture: Picture, layout: Layout) -> Iterator[str]:
    """Thin lines first, so that an orchestration is never hidden; each line has a margin where it crosses another one."""
    every = sorted(zip(picture.lines, layout.lines, strict=True), key=lambda pair: pair[0].style)
    drawn: dict[tuple[Point, Point], None] = {}
    room = {card.box.id: BADGE_ROOM if card.kind == "saga" else STUB for card in picture.cards}
    for line, points in every:
        path = _path(points, drawn, (room[line.origin], room[line.to]))
        yield f'<path class="pf-under" d="{path}"/>'
        yield f'<path class="pf-{line.style}" d="{path}"><title>{_text(_said(line))}</title></path>'
    for line, points in every:
        tip = "pf-thick-tip" if line.style == "orchestration" else "pf-thin-tip"
        down = points[0][1] < points[-1][1]
        yield _tip(points[-1], tip, down=down)
        if line.badge:
            yield _tip(points[0], tip, down=not down)
    for line, points in every:
        if line.badge:
            yield from _badge(line.badge, points[0], down=points[0][1] < points[-1][1])


def _said(line: Line) -> str:
    if line.badge:
        return f"{line.origin} directs {line.to}: step {line.badge}"
    return f"{line.origin} to {line.to}: {line.style}"


def _path(points: Sequence[Point], drawn: dict[tuple[Point, Point], None], room: tuple[float, float]) -> str:
    """Upright within a layer, and a curve from layer to layer. A line begins and ends upright, so its tip points into its box.
    A part that is drawn already, as of a trunk, is left out: two dashed lines over each other are no dashed line."""
    parts: list[str] = []
    pen: Point | None = None
    for position, (start, end) in enumerate(zip(points, points[1:], strict=False)):
        if start == end or (start, end) in drawn:
            continue
        drawn[start, end] = None
        if pen != start:
            parts.append(f"M{_n(start[0])} {_n(start[1])}")
        pen = end
        if position % 2 == 0 or abs(end[0] - start[0]) < 0.05:
            parts.append(f"V{_n(end[1])}")
            continue
        way = 1 if end[1] > start[1] else -1
        begin = start[1] + way * (room[0] if position == 1 else STUB)
        stop = end[1] - way * (room[1] if position == len(points) - 3 else STUB)
        middle = _n((begin + stop) / 2)
        parts.append(f"V{_n(begin)}C{_n(start[0])} {middle} {_n(end[0])} {middle} {_n(end[0])} {_n(stop)}V{_n(end[1])}")
    return "".join(parts)


def _tip(end: Point, name: str, *, down: bool) -> str:
    x, y = end
    back = -8.0 if down else 8.0
    return f'<path class="{name}" d="M{_n(x)} {_n(y)}L{_n(x - 4.5)} {_n(y + back)}H{_n(x + 4.5)}z"/>'


def _badge(text: str, at: Point, *, down: bool) -> Iterator[str]:
    """The numbers of the steps, on the line beside its saga."""
    x, y = at[0], at[1] + (22 if down else -22)
    half = max(9.0, text_width(text, 11) / 2 + 5)
    yield f'<rect class="pf-badge" x="{_n(x - half)}" y="{_n(y - 9)}" width="{_n(2 * half)}" height="18" rx="9"/>'
    yield f'<text class="pf-step pf-middle" x="{_n(x)}" y="{_n(y + 4)}">{_text(text)}</text>'


def _card(card: Card, centre: Point) -> Iterator[str]:
    x, y = centre[0] - card.box.width / 2, centre[1] - card.box.height / 2
    width, height = card.box.width, card.box.height
    yield "<g>"
    if card.full:
        yield f"<title>{_text(card.full)}</title>"
    if card.kind == "command":
        corner = 10.0
        yield (
            f'<path class="pf-command" d="M{_n(x)} {_n(y)}H{_n(x + width - corner)}L{_n(x + width)} {_n(y + height / 2)}'
            f'L{_n(x + width - corner)} {_n(y + height)}H{_n(x)}z"/>'
        )
    else:
        radius = height / 2 if card.kind == "event" else 7
        yield (
            f'<rect class="pf-{card.kind}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
            f'rx="{_n(radius)}"/>'
        )
    if card.steps:
        yield from _steps(card, x, y)
    elif card.sub:
        yield f'<text class="pf-name pf-middle" x="{_n(centre[0])}" y="{_n(y + 18)}">{_text(card.name)}</text>'
        yield f'<text class="pf-small pf-middle" x="{_n(centre[0])}" y="{_n(y + 32)}">{_text(card.sub)}</text>'
    else:
        yield f'<text class="pf-middle" x="{_n(centre[0])}" y="{_n(centre[1] + 4.5)}">{_text(card.name)}</text>'
    yield "</g>"


def _steps(card: Card, x: float, y: float) -> Iterator[str]:
    right = x + card.box.width - PAD
    yield f'<text class="pf-name" x="{_n(x + PAD)}" y="{_n(y + 18)}">{_text(card.name)}</text>'
    yield f'<text class="pf-small" x="{_n(x + PAD)}" y="{_n(y + 32)}">{_text(card.sub)}</text>'
    yield f'<path class="pf-rule" d="M{_n(x)} {_n(y + HEAD_HEIGHT)}h{_n(card.box.width)}"/>'
    for position, step in enumerate(card.steps):
        line = y + HEAD_HEIGHT + STEP_HEIGHT * position + 15
        yield f'<text class="pf-step" x="{_n(x + PAD)}" y="{_n(line)}">{_text(step.number)}</text>'
        yield f'<text class="pf-step" x="{_n(x + PAD + 16)}" y="{_n(line)}">{_text(step.command)}</text>'
        if step.undo:
            yield f'<text class="pf-small pf-end" x="{_n(right)}" y="{_n(line)}">{_text(step.undo)}</text>'
        if step.is_last_undone:
            yield f'<path class="pf-pivot" d="M{_n(x + PAD)} {_n(line + 5.5)}H{_n(right)}"/>'


def _legend(width: float, top: float) -> Iterator[str]:
    """The forms and lines of the picture, each with its word."""
    x = (width - LEGEND_WIDTH) / 2
    yield f'<g transform="translate({_n(x)} {_n(top)})">'
    yield '<path class="pf-command" d="M0 4H16L22 11L16 18H0z"/>' + _word(28, 15, "command")
    yield '<rect class="pf-service" x="96" y="3" width="22" height="16" rx="4"/>' + _word(124, 15, "service")
    yield '<rect class="pf-event" x="184" y="4" width="26" height="14" rx="7"/>' + _word(216, 15, "event")
    yield '<rect class="pf-saga" x="268" y="3" width="22" height="16" rx="4"/>' + _word(296, 15, "saga")
    yield '<path class="pf-pivot" d="M340 11h28"/>' + _word(374, 15, "below it nothing is undone any more")
    yield '<path class="pf-orchestration" d="M0 36h34"/><path class="pf-thick-tip" d="M42 36l-9 -4.5v9z"/>'
    yield _word(50, 40, "orchestration: a saga decides; a number is its step, command and answer")
    yield '<path class="pf-choreography" d="M480 36h34"/><path class="pf-thin-tip" d="M522 36l-9 -4.5v9z"/>'
    yield _word(530, 40, "choreography: a service reacts")
    yield "</g>"


def _word(x: float, y: float, text: str) -> str:
    return f'<text class="pf-small" x="{_n(x)}" y="{_n(y)}">{_text(text)}</text>'


def _n(value: float) -> str:
    """A number of the drawing: one digit behind the point, and no `-0`."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )


def _text(text: str) -> str:
    return escape(FORBIDDEN.sub("\ufffd", text))
