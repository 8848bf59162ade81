"""The documents of the designs in `docs/designs`, a page each with its pictures beside it: three are built from their briefs,
the shop's from its code and the facts beside it."""

from __future__ import annotations

from pathlib import Path

from partita.design.brief.reading import read_brief
from partita.design.derived.beside import read_beside
from partita.design.derived.of_app import design_of
from partita.design.document.building import document_of
from partita.design.document.shown import Shown
from partita.design.model.design import Design
from partita.design.rendering.markdown import markdown
from partita.design.rendering.pictures import sealed_pictures
from partita.design.skeleton.project import shown_of
from partita.examples.shop.app import app

BRIEFS = ("orders", "rides", "claims")
FOLDER = "docs/designs"


def write_designs(root: Path, folder: Path) -> dict[str, str]:
    """Write the document of each brief of the checkout into the folder of the pages; returns the pages by their paths."""
    pages: dict[str, str] = {}
    for name in (*BRIEFS, "shop"):
        design = _design(root, name)
        shown = (
            shown_of(design)
            if name in BRIEFS
            else Shown(missing="the shop has tests of its own, which no design knows")
        )
        document = document_of(design, shown)
        page = f"{FOLDER}/{name}/index.md"
        pages[page] = markdown(document)
        for path, picture in {page: pages[page], **_beside(name, sealed_pictures(document))}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(picture, encoding="utf-8")
    return pages


def _design(root: Path, name: str) -> Design:
    file = f"{FOLDER}/{name}.yaml"
    text = (root / file).read_text(encoding="utf-8")
    if name in BRIEFS:
        return read_brief(text, file)
    return design_of(app, "partita.examples.shop.app:app", read_beside(text, file))


def _beside(name: str, pictures: dict[str, str]) -> dict[str, str]:
    return {f"{FOLDER}/{name}/{path}": text for path, text in pictures.items()}
