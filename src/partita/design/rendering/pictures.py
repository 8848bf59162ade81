"""The pictures of a document as SVG, by the names of their files."""

from __future__ import annotations

from partita.design.document.block import Block, Document, Figure, Sequence
from partita.design.rendering.sequence import sequence_svg
from partita.exports.file_name import file_names
from partita.exports.seal import UNSEALED, sealed
from partita.flow.drawing import drawn

FOLDER = "pictures"


def pictures_of(document: Document, *, styled: bool = True) -> dict[str, str]:
    """The SVG of each picture by its name; a page that has the styles itself takes them without."""
    found = [block for section in document.sections for block in section.blocks if isinstance(block, Figure | Sequence)]
    return {block.name: svg_of(block, styled=styled) for block in found}


def sealed_pictures(document: Document) -> dict[str, str]:
    """The text of each picture's file by its path, with the seal of an export."""
    paths = files_of(document)
    seal = f"<!-- {UNSEALED} -->\n"
    return {paths[name]: sealed(seal + text) for name, text in pictures_of(document).items()}


def files_of(document: Document) -> dict[str, str]:
    """The path of each picture's file, by the picture's name."""
    names = file_names(pictures_of(document))
    return {name: f"{FOLDER}/{plain.lower()}.svg" for name, plain in names.items()}


def svg_of(block: Block, *, styled: bool) -> str:
    """The SVG of a picture."""
    if isinstance(block, Sequence):
        return sequence_svg(block, block.caption.replace("`", ""), styled=styled)
    assert isinstance(block, Figure), "no picture"
    return drawn(block.picture, block.caption.replace("`", ""), styled=styled, legend=block.name == "flow")
