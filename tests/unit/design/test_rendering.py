"""The forms of a document: self-contained pages in which a text of a brief is data."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from tests.unit.design.sample_orders import orders, said

from partita.design.document.block import Document, Figure, Sequence
from partita.design.document.building import document_of
from partita.design.model.section import APPENDICES
from partita.design.rendering.html import html
from partita.design.rendering.markdown import markdown
from partita.design.rendering.pictures import files_of, pictures_of
from partita.exports.seal import is_sealed

HOSTILE = (
    '<script>alert(1)</script> ![x](http://evil.example/x.svg) | `tick` "quoted" & <svg onload=alert(2)> \x00 ${x}'
)


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(orders())


@pytest.fixture(scope="module")
def hostile() -> Document:
    design = orders()
    reaction = dataclasses.replace(design.choreographies[0].reactions[0], does=HOSTILE)
    choreography = dataclasses.replace(design.choreographies[0], why=said(HOSTILE), reactions=(reaction,))
    rules = (dataclasses.replace(design.rules[0], text=HOSTILE),)
    return document_of(
        dataclasses.replace(design, purpose=said(HOSTILE), domain=HOSTILE, rules=rules, choreographies=(choreography,))
    )


class Page(HTMLParser):
    """The tags and attributes of a page, and the tags that are open."""

    VOID = ("meta", "link", "br", "img", "input", "hr", "wbr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_needs_nothing_beside_it(document: Document) -> None:
    """It is sent by mail and opened in ten years."""
    page = Page(html(document))
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    links = [value for name, value in page.attributes if name in ("href", "src")]
    assert links and all(link is not None and link.startswith("#") for link in links)
    assert "url(" not in html(document)


def test_the_page_has_both_themes_and_a_print(document: Document) -> None:
    """Pictures and text follow the reader's theme together."""
    text = html(document)
    assert text.count("@media (prefers-color-scheme: dark)") == 1
    assert text.count("@media (prefers-color-scheme:dark)") == 1  # of the drawings
    assert "@media print" in text and "@page" in text


def test_each_section_and_each_picture_is_on_the_page(document: Document) -> None:
    """A block that a form forgets is missed by no reader."""
    page = Page(html(document))
    assert page.tags.count("section") == 14 + len(APPENDICES)
    pictures = [block for s in document.sections for block in s.blocks if isinstance(block, Figure | Sequence)]
    assert page.tags.count("svg") == len(pictures) == len(pictures_of(document))


def test_each_picture_is_a_document_of_its_own(document: Document) -> None:
    """As a file it is well-formed XML with a title."""
    for text in pictures_of(document).values():
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg") and len(root[0].text or "") > 10


def test_a_hostile_text_is_data_on_the_page(hostile: Document) -> None:
    """A brief may come from an assistant, or from a stranger."""
    page = Page(html(hostile))
    assert page.open == []
    assert "script" not in page.tags
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert "<script>alert(1)</script>" in "".join(page.text)


def test_a_hostile_text_is_data_in_markdown(hostile: Document) -> None:
    """GitHub and the site run HTML and load pictures."""
    text = markdown(hostile)
    outside = re.sub(r"^(`{3,}).*?^\1$|`[^`\n]*`", "", text, flags=re.M | re.S)
    assert "<script" not in outside and "<svg" not in outside
    assert "![x](" not in outside
    for line in outside.split("\n"):
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) >= 3


def test_every_row_of_a_markdown_table_has_the_same_number_of_cells(hostile: Document) -> None:
    """A bar in a text would begin another cell."""
    width = 0
    for line in markdown(hostile).split("\n"):
        cells = len(re.findall(r"(?<!\\)\|", line))
        if line.startswith("|") and width:
            assert cells == width, line
        width = cells if line.startswith("|") else 0


def test_pictures_of_markdown_are_files_in_one_folder(document: Document) -> None:
    """No name leads out of it."""
    files = files_of(document)
    assert len(set(files.values())) == len(files)
    assert all(re.fullmatch(r"pictures/[a-z0-9_.-]+\.svg", path) and ".." not in path for path in files.values())
    assert set(re.findall(r"\]\((pictures/[^)]+)\)", markdown(document))) == set(files.values())


def test_both_texts_are_sealed_and_the_same_each_time(document: Document) -> None:
    """A build writes over its own files only, and a change of a document is a change of its design."""
    assert is_sealed(html(document)) and is_sealed(markdown(document))
    assert html(document) == html(document_of(orders()))
    assert markdown(document) == markdown(document_of(orders()))
