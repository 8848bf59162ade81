"""A page that is not true is found: each way in which one can be wrong is seen red."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.documents.walk import Walk, blocks_of

TRUE = """
```py
# folder/greeting.py
print("hello, reader 17")
```

```sh
export NAME=reader && cd folder
```

```sh
python3 greeting.py && echo "$NAME" at "$(basename "$PWD")"
```

```text
hello, ...
...
reader at folder
```
"""


def follow(folder: Path, text: str) -> None:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    with Walk(folder, os.environ) as walk:
        walk.follow(blocks_of(page))


def test_a_true_page_is_followed(tmp_path: Path) -> None:
    """Folder and variables stay from block to block."""
    follow(tmp_path, TRUE)


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("python3 greeting.py", "python3 greetings.py", "page.md:11: exit 2"),
        ("hello, ...", "Hello, ...", "page.md:15: printed"),
        ("hello, ...", "hello, ...\nhello, ...", "page.md:15: printed"),
        ("reader at folder\n", "reader\n", "page.md:15: printed"),
        ("export NAME=reader && cd folder", "false\ntrue", "page.md:7: exit 1"),
        ("```sh", "```", "neither file nor command"),
    ],
)
def test_a_page_that_is_not_true_is_found(tmp_path: Path, right: str, wrong: str, says: str) -> None:
    """With its line."""
    assert right in TRUE
    with pytest.raises(AssertionError, match=says):
        follow(tmp_path, TRUE.replace(right, wrong, 1))


@pytest.mark.parametrize(
    ("expected", "says"), [("ready: a", ""), ("other", "ended"), ("brewing", "ended")], ids=["as said", "not", "never"]
)
def test_the_other_terminal_is_read(tmp_path: Path, expected: str, says: str) -> None:
    """A command that runs until Ctrl-C is waited for until it is ready, and until it has printed the page's text."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "partita").write_text("#!/bin/sh\necho ready: a\nread stop < go || exit 1\n")
    (bin_ / "partita").chmod(0o755)
    os.mkfifo(tmp_path / "go")
    page = f'```sh\nPATH="{bin_}:$PATH"\n```\n```sh\npartita run\necho beside it\n```\n```text\nbeside it\n```\n'
    follow(tmp_path, page) if not says else None
    if says:
        (tmp_path / "go").unlink()
        with pytest.raises(AssertionError, match=says):
            follow(tmp_path, page.replace("beside it\n```\n```text\nbeside it", f"x\n```\n```text\n{expected}"))
