"""Build the site: `python -m documentation build/docs` writes `build/docs/site/index.html`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from documentation.links import complaints
from documentation.pages import ROOT, navigation, write_pages

HERE = Path(__file__).parent
ASSETS = ("iframe-worker.js", "partita.css")


def build(into: Path) -> Path:
    """Write the pages, let Zensical make the site of them, check every link, and return the site's folder.

    Raises:
        SystemExit: the build or a link failed.
    """
    shutil.rmtree(into, ignore_errors=True)
    pages = into / "pages"
    names = write_pages(pages)
    texts = {name: (pages / name).read_text(encoding="utf-8") for name in names}
    (pages / "assets").mkdir()
    for name in ASSETS:
        shutil.copy(HERE / name, pages / "assets")
    (into / "zensical.toml").write_text(_settings(navigation(names, texts)), encoding="utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(into / "zensical.toml")]
    done = subprocess.run(command, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, check=False)
    site = into / "site"
    if done.returncode or not (site / "index.html").is_file():
        raise SystemExit(f"{done.stdout}\n{done.stderr}\nThe site was not built (exit {done.returncode}).")
    (site / "404.html").unlink()  # for a server: its addresses begin at the server's root
    if found := list(complaints(site)):
        raise SystemExit("\n".join(found))
    return site


def _settings(tree: list[object]) -> str:
    """The settings with the navigation and the place of the source."""
    head, mark, rest = (HERE / "zensical.toml").read_text(encoding="utf-8").partition("[project]\n")
    source = f'\n[project.plugins.mkdocstrings.handlers.python]\npaths = ["{ROOT / "src"}"]\n'
    return f"{head}{mark}nav = {_toml(tree)}\n{rest}{source}"


def _toml(value: object) -> str:
    """Lists, tables and texts as TOML has them; a text is written as in JSON."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {_toml(each)}' for key, each in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/docs")
    print(build(folder) / "index.html")
