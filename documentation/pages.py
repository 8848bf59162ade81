"""The pages of the site: those of the checkout, at the same paths, and those that are written from the code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from documentation.designs import write_designs
from documentation.reference import reference_pages

ROOT = Path(__file__).resolve().parents[1]
OF_THE_ROOT = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md", "CHANGELOG.md")
GUIDES = (
    "designing", "writing-an-app", "messages", "evolving-a-schema", "the-catalog", "sagas", "waiting-for-the-world", "reading-the-flow-map", "effects-once", "testing",
    "failures", "running", "deploying", "outbox-in-your-transaction", "debezium", "other-languages", "cloudevents", "registry", "benchmarks",
)  # fmt: skip
DECISIONS = "docs/decisions/index.md"
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
BAR_IN_CODE = re.compile(r"`([^`\n]*\\\|[^`\n]*)`")
FENCED = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def write_pages(folder: Path) -> list[str]:
    """Write all pages and what they show into the folder, and return their paths.

    Raises:
        ValueError: a page links to a file that does not exist.
    """
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in OF_THE_ROOT}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        texts[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
    texts[DECISIONS] = _decisions(texts)
    texts |= reference_pages()
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(linked(name, text, texts), encoding="utf-8")
    designs = write_designs(ROOT, folder)
    for drawing in sorted((ROOT / "docs/diagrams").glob("*.svg")):
        (folder / "docs/diagrams").mkdir(parents=True, exist_ok=True)
        shutil.copy(drawing, folder / "docs/diagrams")
    return [*texts, *designs]


def navigation(pages: Iterable[str], texts: Mapping[str, str]) -> list[object]:
    """The tree on the left, in which every page has its place.

    Raises:
        ValueError: a page has none.
    """
    left = [page for page in pages if page not in ("README.md", "docs/tutorial.md", "docs/glossary.md")]

    def take(wanted: Iterable[str]) -> list[object]:
        taken = [page for page in wanted if page in left]
        for page in taken:
            left.remove(page)
        return [{title_of(texts[page]): page} for page in taken]

    tree: list[object] = [
        {"Partita": "README.md"},
        {"Tutorial": "docs/tutorial.md"},
        {"Guides": take(f"docs/guides/{name}.md" for name in GUIDES)},
        {"Designs": take(sorted(page for page in left if page.startswith("docs/designs/")))},
        {"Reference": take(sorted(page for page in left if page.startswith("docs/reference/")))},
        {"Glossary": "docs/glossary.md"},
        {"Decisions": take(sorted((page for page in left if page.startswith("docs/decisions/")), key=_first_index))},
        {"The project": take(["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "STYLE.md", "docs/cases.md", "docs/blocks.md",
                              "docs/guides/planted-bugs.md"])},
    ]  # fmt: skip
    if left:
        raise ValueError(f"No place in the navigation: {', '.join(left)}. Give it one in documentation/pages.py.")
    return tree


def title_of(text: str) -> str:
    """A page's title, without the marks of code."""
    return text.partition("\n")[0].removeprefix("# ").replace("`", "")


def _first_index(page: str) -> tuple[bool, str]:
    return (page != DECISIONS, page)


def _decisions(texts: Mapping[str, str]) -> str:
    """The list of decisions."""
    rows = [
        f"- [{title_of(text)}]({Path(name).name})" for name, text in texts.items() if name.startswith("docs/decisions/")
    ]
    return "# Decisions\n\nEach says what was decided and why, what was rejected, and the price.\n\n" + "\n".join(rows)


def linked(page: str, text: str, pages: Mapping[str, str]) -> str:
    """A page whose links lead to pages of the site; a link to any other file of the checkout becomes plain text."""
    # A bar within code ends no cell: GitHub drops its backslash, the site would show it.
    text = BAR_IN_CODE.sub(lambda code: f"<code>{code[1]}</code>".replace("\\|", "&#124;"), text)
    parts = FENCED.split(text)
    inside: dict[str, str] = {}
    for at in range(1, len(parts), 2):  # code is no link; a link's text may hold code
        inside[f"\0{at}\0"] = parts[at]
        parts[at] = f"\0{at}\0"
    linked = LINK.sub(lambda found: _link(page, found, pages), "".join(parts))
    return re.sub("\0\\d+\0", lambda found: inside[found[0]], linked)


def _link(page: str, found: re.Match[str], pages: Mapping[str, str]) -> str:
    image, words, target = found.groups()
    path, mark, anchor = target.partition("#")
    if "://" in target or not path:
        return found[0]
    there = (ROOT / page).parent.joinpath(path).resolve()
    name = there.relative_to(ROOT).as_posix()
    if name in pages or image:
        if not image or there.is_file():
            return found[0]
    elif f"{name}/index.md" in pages:
        return f"[{words}]({path.rstrip('/')}/index.md{mark}{anchor})"
    elif there.exists():
        return words
    raise ValueError(f"{page} links to {target}, which does not exist.")
