"""The documentation as a site: complete, without a broken link, and read from a folder with a search and without a network."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

import pytest
from documentation.links import complaints
from documentation.pages import linked, write_pages
from documentation.reference import error_codes, settings
from tests.documents.browser import Browser, chromium
from tests.documents.wheelhouse import ROOT

import partita
from partita.cli.main import COMMANDS
from partita.settings.settings import KNOWN

DRAWINGS = sorted((ROOT / "docs/diagrams").glob("*.svg"))


@pytest.fixture(scope="session")
def docs_group() -> None:
    """The packages that make the site."""
    if importlib.util.find_spec("zensical") is None:
        assert not os.environ.get("CI"), "the group `docs` is not installed, and CI skips nothing"
        pytest.skip("the group `docs` is not installed; to have it: make docs")


@pytest.fixture(scope="session")
def site(docs_group: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by the command behind `make docs`."""
    into = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-m", "documentation", str(into)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return into / "site"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "profile") as found:
        yield found


def address(site: Path, page: str) -> str:
    return (site / page).as_uri()


@pytest.mark.slow
def test_every_page_of_the_checkout_has_its_place(site: Path) -> None:
    """In the tree on the left of each page."""
    pages = {path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md")}
    index = (site / "index.html").read_text(encoding="utf-8")
    for page in pages:
        there = page.with_suffix(".html").as_posix()
        assert (site / there).is_file() and f'href="./{there}"' in index, there


@pytest.mark.slow
def test_the_reference_has_every_name_option_variable_and_code(site: Path) -> None:
    api = (site / "docs/reference/api.html").read_text(encoding="utf-8")
    assert [name for name in partita.__all__ if f'id="partita.{name}"' not in api] == []
    assert 'id="partita.App.send"' in api and (inspect.getdoc(partita.App) or "").partition(":")[0] in api
    commands = (site / "docs/reference/commands.html").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f'id="partita-{name}"' not in commands] == []
    assert 'id="partita-saga-cancel"' in commands and "<code>--kill-every TEXT</code>" in commands
    said = (site / "docs/reference/settings.html").read_text(encoding="utf-8")
    assert [name for name in KNOWN if f"<code>{name}</code>" not in said] == []
    codes = (site / "docs/reference/errors.html").read_text(encoding="utf-8")
    assert {"PTA-0000", "PTA-0301", "PTA-0901"} <= set(re.findall(r"PTA-\d{4}", codes))


@pytest.mark.slow
def test_no_line_of_a_docstring_is_lost_in_the_reference(docs_group: None, caplog: pytest.LogCaptureFixture) -> None:
    """Under `Args:` and `Raises:` a line that goes on with an item is indented: the site drops any other without a word."""
    import griffe

    waiting: list[griffe.Object] = [cast(griffe.Object, griffe.load("partita", search_paths=[ROOT / "src"]))]
    docstrings = 0
    while waiting:
        found = waiting.pop()
        if found.docstring is not None:
            found.docstring.parse("google")
            docstrings += 1
        waiting += [cast(griffe.Object, each) for each in found.members.values() if not each.is_alias]
    assert docstrings > 500
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_page_asks_any_host_for_anything(site: Path, browser: Browser) -> None:
    """A reader on a train sees the whole page, and no server learns what is read."""
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    for page in pages:
        browser.open(address(site, page))
    assert len(pages) > 30 and browser.asked_outside() == []
    assert browser.requested.count(address(site, "assets/iframe-worker.js")) == len(pages)


@pytest.mark.slow
def test_the_search_finds_a_page_and_opens_it(site: Path, browser: Browser) -> None:
    """From a folder a browser starts no worker: what takes its place must do the work."""
    browser.open(address(site, "index.html"))
    browser.evaluate("document.querySelector('.md-search__button').click()")
    inside = "document.activeElement.shadowRoot"
    browser.wait_for(f"{inside}?.activeElement?.tagName === 'INPUT'")
    browser.type("ReleaseDriver")
    found = browser.wait_for(f"[...{inside}.querySelectorAll('[role=option]')].map(each => each.href)")
    (tutorial,) = [link for link in found if "/docs/tutorial.html" in link][:1]
    browser.evaluate(f"[...{inside}.querySelectorAll('[role=option]')].find(e => e.href === {tutorial!r}).click()")
    browser.wait_for(
        "location.pathname.endsWith('/docs/tutorial.html') && document.body?.textContent.includes('Booking')"
    )
    assert browser.asked_outside() == []


@pytest.mark.slow
def test_a_page_that_asks_a_host_is_found(tmp_path: Path, browser: Browser) -> None:
    """By the page itself, by a script, and by a frame in it."""
    frame = "<script>fetch('http://frame.invalid/f').catch(() => 0)</script>"
    (tmp_path / "frame.html").write_text(frame)
    (tmp_path / "page.html").write_text(
        "<img src='http://image.invalid/i'><iframe src='frame.html'></iframe>"
        "<script>fetch('https://script.invalid/s').catch(() => { document.title = 'refused' })</script>"
    )
    browser.open((tmp_path / "page.html").as_uri())
    browser.wait_for("document.title === 'refused'")
    asked = browser.asked_outside()
    assert {re.sub(r"^https?://(\w+)\..*", r"\1", url) for url in asked} >= {"image", "script", "frame"}


def test_what_is_wrong_with_links_is_found(tmp_path: Path) -> None:
    """Each kind of mistake, and nothing else."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "there.css").write_text("")
    (tmp_path / "folder/b.html").write_text('<h1 id="one">B</h1><a href="../a.html#two">right</a>')
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="there.css"><h1 id="two">A</h1><a href="folder/b.html#one">right</a><a href="#two">x</a>'
        '<a href="https://elsewhere.invalid">a link is no request</a><a href="folder/b.html#three">no anchor</a>'
        '<a href="c.html">nowhere</a><a href="#four">none</a><img src="gone.svg"><script src="//cdn.invalid/x.js"></script>'
        '<link rel="icon" href="https://cdn.invalid/i.png">'
    )
    assert sorted(complaints(tmp_path)) == [
        "a.html: #four leads to no anchor",
        "a.html: c.html leads nowhere",
        "a.html: folder/b.html#three leads to no anchor",
        "a.html: loads //cdn.invalid/x.js from elsewhere",
        "a.html: loads gone.svg, which does not exist",
        "a.html: loads https://cdn.invalid/i.png from elsewhere",
    ]


def test_every_link_of_the_checkout_leads_somewhere(tmp_path: Path) -> None:
    """Seen by the fast tests as well, and not only where the site is built."""
    assert len(write_pages(tmp_path)) > 30


def test_links_of_the_checkout_are_links_of_the_site() -> None:
    """A file that is no page has no address there; code is left as it is; what does not exist is refused."""
    pages = {"README.md": "", "docs/glossary.md": "", "docs/decisions/index.md": ""}
    text = "[`a`](docs/glossary.md#b) [all](docs/decisions) [c](LICENSE) `[d](nowhere)` | `e\\|f` |"
    right = "[`a`](docs/glossary.md#b) [all](docs/decisions/index.md) c `[d](nowhere)` | <code>e&#124;f</code> |"
    assert linked("README.md", text, pages) == right
    for wrong in ("[x](nowhere.md)", "![x](nowhere.svg)", "[x](docs/nowhere.md#y)"):
        with pytest.raises(ValueError, match="which does not exist"):
            linked("README.md", wrong, pages)


def test_the_reference_is_written_from_the_code() -> None:
    """A variable without a meaning in the guide is refused, so that none is there without one."""
    page = settings()
    assert re.search(r"^\| `PARTITA_BATCH` \| `batch: int` \| `1000` \| how many messages", page, re.MULTILINE)
    assert re.search(
        r"^\| `PARTITA_ASK_S` .*\]\(\.\./guides/running\.md#how-long-a-question-waits\)", page, re.MULTILINE
    )
    codes = re.findall(r"^## (PTA-\d{4}) ", error_codes(), re.MULTILINE)
    assert codes == sorted(set(codes)), "two errors of one code"


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda path: path.stem)
def test_a_diagram_says_what_it_shows_and_loads_nothing(drawing: Path) -> None:
    """For readers who do not see it, and for readers who are offline."""
    text = drawing.read_text(encoding="utf-8")
    names = [each.tag.rpartition("}")[2] for each in ElementTree.fromstring(text).iter()]
    assert names[1:3] == ["title", "desc"] and not {"image", "script", "foreignObject"} & set(names)
    assert set(re.findall(r"https?://[^\"']*", text)) == {"http://www.w3.org/2000/svg"} and "href" not in text
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert any(drawing.name in page.read_text(encoding="utf-8") for page in pages), "no page shows it"
    assert not [page.name for page in pages if "```mermaid" in page.read_text(encoding="utf-8")]
