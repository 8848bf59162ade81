"""The documents of the designs in `docs/designs`, built from their briefs: a page each, with its pictures beside it."""

from __future__ import annotations

from pathlib import Path

from partita.design.brief.reading import read_brief
from partita.design.document.building import document_of
from partita.design.rendering.markdown import markdown
from partita.design.rendering.pictures import sealed_pictures

BRIEFS = ("orders", "rides", "claims")
FOLDER = "docs/designs"


def write_designs(root: Path, folder: Path) -> dict[str, str]:
    """Write the document of each brief of the checkout into the folder of the pages; returns the pages by their paths."""
    pages: dict[str, str] = {}
    for name in BRIEFS:
        brief = f"{FOLDER}/{name}.yaml"
        document = document_of(read_brief((root / brief).read_text(encoding="utf-8"), brief))
        page = f"{FOLDER}/{name}/index.md"
        pages[page] = markdown(document)
        for path, picture in {page: pages[page], **_beside(name, sealed_pictures(document))}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(picture, encoding="utf-8")
    return pages


def _beside(name: str, pictures: dict[str, str]) -> dict[str, str]:
    return {f"{FOLDER}/{name}/{path}": text for path, text in pictures.items()}
