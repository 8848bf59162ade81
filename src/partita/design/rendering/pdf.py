"""A document as PDF, from its page by WeasyPrint: the light theme, with the colours of the pictures written out."""

from __future__ import annotations

import hashlib
import re

from partita.design.document.block import Document
from partita.design.rendering.html import page
from partita.errors import SettingsError
from partita.flow.drawing import LIGHT

_SEAL = re.compile(rb"\n% partita-export:([0-9a-f]{64})\n\Z")
_VARIABLE = re.compile(r"var\((--pf-[a-z-]+)\)")
_DARK = re.compile(r"@media \(prefers-color-scheme:dark\)\{\.pf\{[^}]*\}\}\n")


def pdf(document: Document) -> bytes:
    """The PDF of a document, with its seal in a comment behind its end.

    Raises:
        SettingsError: WeasyPrint is not installed, or finds no Pango.
    """
    try:
        import weasyprint  # pyright: ignore[reportMissingImports]  # an extra, which development does without
    except ImportError as error:
        raise SettingsError("A PDF needs WeasyPrint.", hint="pip install 'partita[pdf]'") from error
    except OSError as error:
        hint = "On Debian and Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0"
        raise SettingsError(f"WeasyPrint does not start: {error}.", hint=hint) from error
    made = weasyprint.HTML(string=printed(document)).write_pdf()
    assert isinstance(made, bytes), "without a file's name the bytes are returned"
    return made + _seal(made)


def _seal(made: bytes) -> bytes:
    return f"\n% partita-export:{hashlib.sha256(made).hexdigest()}\n".encode()


def printed(document: Document) -> str:
    """The page as it is printed. A picture has its styles itself, in plain colours: WeasyPrint draws it apart from the page."""
    pairs = [part.partition(":") for part in LIGHT.split(";")]
    colours = {str(name): str(value) for name, _, value in pairs}
    return _VARIABLE.sub(lambda name: colours[str(name[1])], _DARK.sub("", page(document, "")))


def is_sealed_pdf(data: bytes) -> bool:
    """Whether these are the unchanged bytes of an earlier PDF of a document."""
    found = _SEAL.search(data)
    return found is not None and hashlib.sha256(data[: found.start()]).hexdigest().encode() == found[1]
