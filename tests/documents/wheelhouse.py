"""A folder of wheels, and an environment to install them into: as on a user's machine, without a package index."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("", "shop", "postgres", "yaml")
NOT_OF_A_WHEEL = {"INSTALLER", "REQUESTED", "direct_url.json"}


def make_wheel(folder: Path) -> Path:
    """Partita's wheel, by the command of the README. Whatever else is installed here stays as it is."""
    subprocess.run(
        ["make", "-s", "-C", str(ROOT), "-o", ".venv/shop.ok", "wheel", f"DIST={folder}"], check=True, timeout=100
    )
    (wheel,) = folder.glob("partita-*.whl")
    return wheel


def wheels_it_needs(folder: Path) -> None:
    """The wheels of all that Partita requires, packed from what is installed here: the locked versions."""
    todo, done = ["partita"], set[str]()
    while todo:
        found = distribution(todo.pop())
        for text in found.requires or ():
            needed = Requirement(text)
            extras = EXTRAS if found.name == "partita" else ("",)
            wanted = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras)
            if wanted and needed.name.lower() not in done:
                done.add(needed.name.lower())
                todo.append(needed.name)
                _pack(distribution(needed.name), folder)


def _pack(found: Distribution, folder: Path) -> None:
    """A wheel is a zip of the files that it installs; one of them has its tag."""
    told = (found.read_text("WHEEL") or "").splitlines()
    tag = next(line.removeprefix("Tag: ") for line in told if line.startswith("Tag: "))
    name = found.name.replace("-", "_").replace(".", "_")
    with zipfile.ZipFile(folder / f"{name}-{found.version}-{tag}.whl", "w") as wheel:
        for path in found.files or ():
            if ".." not in path.parts and path.suffix != ".pyc" and path.name not in NOT_OF_A_WHEEL:
                wheel.write(str(found.locate_file(path)), path.as_posix())


def user_environment(folder: Path, wheels: Path) -> dict[str, str]:
    """The variables of a user without an index and without settings. In `folder/bin`: `python` is the one that runs this,
    outside of its environment, and `make` is that of the checkout, called `make wheel DIST=folder`."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PARTITA_", "PYTEST_", "PIP_", "MAKE", "MFLAGS", "VIRTUAL_ENV"))
    }
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    make = f'make -s -C "{ROOT}" -o .venv/shop.ok "$1" DIST="$PWD/${{2#DIST=}}"'
    (folder / "bin").mkdir()
    for name, command in {"python": f'"{python}" "$@"', "make": f'PATH="{own["PATH"]}" {make}'}.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    return {
        **own, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull, "PATH": f"{folder / 'bin'}:{own['PATH']}",
    }  # fmt: skip
