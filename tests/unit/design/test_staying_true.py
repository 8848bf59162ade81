"""The statements of a document and their keepers: each command exists."""

from __future__ import annotations

import re

import click
import pytest
from tests.unit.design.domains import DOMAINS, design_of

from partita.cli.main import cli
from partita.design.document.block import Table
from partita.design.document.building import document_of
from partita.design.document.staying_true import staying_true


@pytest.mark.parametrize("name", DOMAINS)
def test_each_keeper_is_a_command_or_a_test_that_exists(name: str) -> None:
    """A gate without a command keeps nothing."""
    design = design_of(name)
    (table,) = [block for block in staying_true(design) if isinstance(block, Table)]
    for row in table.rows:
        commands = re.findall(r"`partita ([^`]+)`", row.cells[1])
        assert commands or "tests/test_" in row.cells[1], row.cells
        for command in commands:
            group: click.Command = cli
            for word in command.split():
                if not isinstance(group, click.Group):
                    break
                found = group.get_command(click.Context(group), word)
                assert found is not None, f"there is no partita {command}"
                group = found
            assert not isinstance(group, click.Group), command


def test_the_table_is_in_the_appendix_of_tests() -> None:
    """Section 13 leads to it."""
    document = document_of(design_of("orders"))
    (proof,) = [section for section in document.sections if section.number == "H"]
    assert "stays true" in repr(proof.blocks)
    assert "how each statement stays true" in repr(document.sections[13].blocks)
