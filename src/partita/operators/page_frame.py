"""The frame of a page for a browser: its head with one style and no script, its headers, and texts that stay texts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from partita.texts.foreign_text import shown

TEXT_CHARS_MAX = 4_000
STYLE = """
:root{color-scheme:light dark;--ink:#1c1e21;--dim:#5b6169;--paper:#fff;--line:#d5d9de;--mark:#0b57d0;--soft:#f3f5f8;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e7e9ec;--dim:#a4abb5;--paper:#15171a;--line:#3a3f46;--mark:#8ab4f8;--soft:#202328;--bad:#f2b8b5}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:46rem;margin:0 auto;padding:1.25rem 1rem 4rem}
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}h2{font-size:1.15rem;margin:0 0 .5rem}
a{color:var(--mark)}p{margin:.5rem 0}.dim{color:var(--dim)}
dl{display:grid;grid-template-columns:minmax(6rem,auto) 1fr;gap:.25rem 1rem;margin:1rem 0}
dt{color:var(--dim)}dd{margin:0;white-space:pre-wrap}
ul.tasks{list-style:none;padding:0;margin:1rem 0}ul.tasks li{border-top:1px solid var(--line);padding:.75rem 0}
form.answer{border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:1rem 0}
form.filter{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin:1rem 0}
.field{margin:.75rem 0}label,legend{display:block;font-weight:600;padding:0}
.field small{display:block;color:var(--dim)}fieldset{border:0;padding:0;margin:.75rem 0;min-width:0}
fieldset label{font-weight:400}
input,select,textarea,button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--dim);border-radius:.3rem;
padding:.45rem .6rem;max-width:100%}
input,select,textarea{width:100%}textarea{min-height:5rem}form.filter select{width:auto}
button{background:var(--soft);border-color:var(--mark);color:var(--mark);font-weight:600;min-height:2.75rem;cursor:pointer}
:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
.error{color:var(--bad);font-weight:600}.error+input,[aria-invalid=true]{border-color:var(--bad)}
.note{border-left:4px solid var(--mark);background:var(--soft);padding:.6rem .9rem;margin:1rem 0}
.note.bad{border-color:var(--bad)}
ol.history{padding-left:1.2rem}
"""
POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "vary": "accept",
}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer for a browser."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)


def page(status: int, title: str, content: str, *, referrer: str = "same-origin") -> Page:
    """A whole page; `content` is markup, `title` a text. A page whose address is a secret names no `referrer`."""
    body = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head>\n<body><main>\n{content}\n</main></body></html>\n"
    )
    # A lone surrogate is written out by `text`; one in a value of an input is replaced here.
    return Page(status, body.encode(errors="replace"), {**HEADERS, "referrer-policy": referrer})


def moved(where: str) -> Page:
    """Send the browser to the page of what was done, so that loading it again posts nothing."""
    return Page(303, b"", {**HEADERS, "location": where, "referrer-policy": "same-origin"})


def text(value: object) -> str:
    """A text of any origin as markup that shows it: no tag, no invisible character, no turned direction, and an end."""
    found = str(value)
    cut = found[:TEXT_CHARS_MAX]
    more = f" ... and {len(found) - len(cut):,} more characters" if len(found) > len(cut) else ""
    return "\n".join(escape(shown(line)) for line in cut.split("\n")) + more


def isolated(value: object) -> str:
    """A text that does not change the direction of those beside it."""
    return f'<bdi dir="auto">{text(value)}</bdi>'


def note(sentence: str, *, bad: bool = False) -> str:
    """A sentence about the thing that was done, or was not."""
    return f'<p class="note{" bad" if bad else ""}" role="{"alert" if bad else "status"}">{text(sentence)}</p>'
