"""A sequence diagram as SVG: lifelines from left to right, messages from top to bottom, in the drawing's own styles."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from partita.design.document.block import Sequence
from partita.flow.drawing import FORBIDDEN, STYLE
from partita.flow.text_width import text_width

TOP = 16.0
HEAD = 30.0
ROW = 34.0
LOOP = 26.0


def sequence_svg(found: Sequence, title: str, *, styled: bool = True) -> str:
    """The drawing of a sequence."""
    widest = max((text_width(text, 11) for _, _, text in found.messages), default=80.0)
    heads = max(text_width(lane, 13) for lane in found.lanes)
    pitch = max(heads + 40, min(widest + 34, 300.0))
    room = widest + 40 if any(a == b == found.lanes[-1] for a, b, _ in found.messages) else 0.0
    width = pitch * len(found.lanes) + room
    height = TOP + HEAD + ROW * (len(found.messages) + 1)
    at = {lane: pitch * (position + 0.5) for position, lane in enumerate(found.lanes)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pf" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
        f'height="{_n(height)}" role="img">',
        f"<title>{_text(title)}</title>",
        f"<desc>{_text('; '.join(f'{a} to {b}: {text}' for a, b, text in found.messages))}</desc>",
        *([f"<style>\n{STYLE}</style>"] if styled else []),
        f'<rect class="pf-paper" width="{_n(width)}" height="{_n(height)}"/>',
    ]
    for lane, x in at.items():
        wide = text_width(lane, 13) + 20
        parts.append(f'<path class="pf-choreography" d="M{_n(x)} {_n(TOP + HEAD)}V{_n(height - 8)}"/>')
        parts.append(
            f'<rect class="pf-service" x="{_n(x - wide / 2)}" y="{_n(TOP)}" width="{_n(wide)}" height="{_n(HEAD)}" rx="7"/>'
        )
        parts.append(f'<text class="pf-middle" x="{_n(x)}" y="{_n(TOP + HEAD / 2 + 4.5)}">{_text(lane)}</text>')
    for position, (origin, to, text) in enumerate(found.messages):
        parts += _message(at[origin], at[to], TOP + HEAD + ROW * (position + 1), text)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _message(start: float, end: float, y: float, text: str) -> Iterator[str]:
    if start == end:
        yield f'<path class="pf-orchestration" d="M{_n(start)} {_n(y - 8)}h{_n(LOOP)}v12H{_n(end + 9)}"/>'
        yield f'<path class="pf-thick-tip" d="M{_n(end + 1)} {_n(y + 4)}l9 -4.5v9z"/>'
        yield f'<text class="pf-step" x="{_n(start + LOOP + 6)}" y="{_n(y + 2)}">{_text(text)}</text>'
        return
    way = 1 if end > start else -1
    middle = (start + end) / 2 if abs(end - start) < 400 else start + way * 170
    yield f'<path class="pf-orchestration" d="M{_n(start)} {_n(y)}H{_n(end - way * 8)}"/>'
    yield f'<path class="pf-thick-tip" d="M{_n(end)} {_n(y)}l{-9 * way} -4.5v9z"/>'
    half = text_width(text, 11) / 2 + 2
    yield f'<rect class="pf-paper" x="{_n(middle - half)}" y="{_n(y - 16)}" width="{_n(2 * half)}" height="13"/>'
    yield f'<text class="pf-step pf-middle" x="{_n(middle)}" y="{_n(y - 6)}">{_text(text)}</text>'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    return escape(FORBIDDEN.sub("\ufffd", text))
