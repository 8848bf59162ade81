"""`tests/__main__.py` of a project: all of its tests, with a record of their results for its document."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from partita.design.document.run import RECORD
from partita.design.skeleton.file import ProjectFile, WholeFile

_RUN = '''"""All tests, with a record of their results for the document of the design: python -m tests"""

import datetime as dt
import json
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

PROJECT = "{digest}"
RECORD = Path("{record}")


class Recorder(unittest.TestResult):
    """The result of each test. One that did not end has none."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[str, str] = {{}}

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._note(test, "passed")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._note(test, "failed")

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._note(test, "failed")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, "skipped")

    def _note(self, test: unittest.TestCase, result: str) -> None:
        module, case, name = test.id().rsplit(".", 2)
        node = f"{{module.replace('.', '/')}}.py::{{case}}::{{name}}"
        if self.results.get(node) != "failed":
            self.results[node] = result
            print(f"{{result:<8}}{{node}}", flush=True)


def commit() -> str:
    """The commit of this folder, with "-dirty" where files differ from it; empty outside git."""
    try:
        words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def main() -> int:
    """Run them all, or those that are named, and record the results."""
    loader, names = unittest.defaultTestLoader, sys.argv[1:]
    suite = loader.loadTestsFromNames(names) if names else loader.discover("tests", top_level_dir=".")
    recorder = Recorder()
    suite.run(recorder)
    for _, trace in (*recorder.failures, *recorder.errors):
        print(trace, file=sys.stderr)
    at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {{"project": PROJECT, "at": at, "commit": commit(), "tests": recorder.results}}
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(found, indent=2) + "\\n", encoding="utf-8")
    print(f"{{recorder.testsRun}} tests; recorded in {{RECORD}}: partita design build BRIEF --ran {{RECORD}}")
    return 0 if recorder.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
'''


def digest_of(files: Iterable[ProjectFile]) -> str:
    """The digest of the files that the design alone gives: another design gives another one, on every machine the same."""
    found = hashlib.sha256()
    for file in files:
        if isinstance(file, WholeFile) and file.rule == "derived":
            found.update(f"{file.path}\0{file.text}\0".encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def recording_file(digest: str) -> WholeFile:
    """The runner."""
    return WholeFile("tests/__main__.py", _RUN.format(digest=digest, record=RECORD))
