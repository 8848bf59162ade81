"""Each test that a document names is one that its project has: the names are compared with those that pytest collects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.integration.design.skeleton.commands import python
from tests.integration.design.skeleton.test_running import write
from tests.unit.design.brief.domains import DOMAINS as DRAFTED
from tests.unit.design.domains import BRIEFS, FOLDER

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.reading import read_brief
from partita.design.document.building import document_of
from partita.design.model.design import Design
from partita.design.rendering.markdown import markdown
from partita.design.skeleton.project import project_of, shown_of
from partita.design.skeleton.regenerating import rewriting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # pytest collects in a process of its own
NAMED = re.compile(r"`(test_\w+)`|`(tests/\w+\.py(?:::\w+)*)`")


def design_of(name: str) -> Design:
    """A design of the documentation, or one of four answers in plain words."""
    if name in BRIEFS:
        return read_brief((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")
    return read_brief(draft(read_answers(*DRAFTED[name].answers)), f"{name}.yaml")


def unknown(named: set[str], collected: set[str]) -> set[str]:
    """The names of tests and of their files that pytest does not collect."""
    known = {"::".join(node.split("::")[:parts]) for node in collected for parts in (1, 2, 3)}
    known |= {node.split("::")[-1] for node in collected}
    return named - known


@pytest.mark.parametrize("name", [*BRIEFS, "food", "telecom"])
def test_each_test_that_the_document_names_exists_in_the_project(name: str, tmp_path: Path) -> None:
    """And the document names each test of the project. A name that is changed in the project is found."""
    design = design_of(name)
    project = project_of(design)
    write(tmp_path, dict(rewriting(project, {}).writes))
    document = markdown(document_of(design, shown_of(design)))
    found = python(
        tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "--collect-only", "-q", "tests"
    )
    assert found.returncode == 0, found.stdout + found.stderr
    collected = {line for line in found.stdout.splitlines() if "::" in line}

    named = {bare or node for bare, node in NAMED.findall(document)}
    assert unknown(named, collected) == set()
    assert {node for node in named if node.count("::") == 2} == collected
    lost = project.tests[-1]
    assert unknown(named, collected - {lost.node} | {f"{lost.node}_renamed"}) == {lost.node, lost.name} & named
