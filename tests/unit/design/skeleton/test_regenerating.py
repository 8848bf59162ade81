"""A project is written again around what a person has filled; where that cannot be, nothing is, and the reason is said."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.design.skeleton.sample import fields, orders, positions

from partita.design.model.design import Design
from partita.design.skeleton.project import project_of
from partita.design.skeleton.regenerating import Rewriting, rewriting

INVENTORY = "order_processing/handlers/inventory_service.py"
MESSAGES = "order_processing/messages.py"
WORK = "    # FILL: the work of ReserveStock"


def built(design: Design) -> dict[str, str]:
    """The files of a first build."""
    found = rewriting(project_of(design), {})
    assert not found.needed and not found.removes
    return dict(found.writes)


def again(design: Design, there: dict[str, str]) -> Rewriting:
    """A build over files that are there."""
    return rewriting(project_of(design), there)


def filled(there: dict[str, str], path: str, old: str, new: str) -> dict[str, str]:
    """The files after a person's change."""
    assert old in there[path]
    return {**there, path: there[path].replace(old, new)}


def with_field(design: Design, message: str, line: str) -> Design:
    """The design with a field more in a message."""
    return replace(
        design,
        events=tuple(replace(e, fields=(*e.fields, *fields(line))) if e.name == message else e for e in design.events),
        commands=tuple(
            replace(c, fields=(*c.fields, *fields(line))) if c.name == message else c for c in design.commands
        ),
    )


def test_the_second_build_of_a_design_changes_nothing() -> None:
    there = built(orders())
    found = again(orders(), there)
    assert (dict(found.writes), found.removes, found.kept, found.needed) == ({}, (), (), ())


def test_a_filled_part_stays_and_the_parts_beside_it_follow_the_design() -> None:
    """The person fills one handler; the refund gets a field, and a handler of another service and the stock's undo follow."""
    there = filled(built(orders()), INVENTORY, WORK, "    await tx.execute('SELECT 1')")
    found = again(with_field(orders(), "StockReleased", "warehouse string"), there)
    assert not found.needed and found.kept == (INVENTORY,)
    assert "    await tx.execute('SELECT 1')" in found.writes[INVENTORY]
    assert 'warehouse="warehouse-1",  # FILL: warehouse' in found.writes[INVENTORY]
    assert MESSAGES in found.writes


def test_code_beside_the_parts_and_imports_of_a_person_stay() -> None:
    there = filled(
        built(orders()), INVENTORY, "from partita import Retry, Tx", "import json\n\nfrom partita import Retry, Tx"
    )
    there[INVENTORY] += "\n\ndef mine() -> str:\n    return json.dumps([])\n"
    found = again(with_field(orders(), "ReserveStock", "warehouse string"), there)
    assert not found.needed
    assert "def mine()" in found.writes[INVENTORY] and "import json" in found.writes[INVENTORY]


def test_a_filled_part_whose_messages_change_stops_the_build_and_says_what_to_write() -> None:
    there = filled(built(orders()), INVENTORY, WORK, "    await tx.execute('SELECT 1')")
    changed = with_field(orders(), "StockReserved", "warehouse string")
    found = again(changed, there)
    (needed,) = found.needed
    assert needed.path == INVENTORY and "reserve_stock" in needed.what
    assert "warehouse: str" in needed.why
    # The person does as it says, and the build goes on around it.
    mark, text = needed.write.split(":\n", 1)[1].split("\n", 1)
    assert mark.startswith("# part: reserve_stock ") and "warehouse=" in text
    start = there[INVENTORY].index("# part: reserve_stock")
    end = there[INVENTORY].index("# part: release_stock")
    mine = f"{mark}\n{text}".replace(WORK, "    await tx.execute('SELECT 1')")
    there[INVENTORY] = f"{there[INVENTORY][:start]}{mine}\n\n\n{there[INVENTORY][end:]}"
    done = again(changed, there)
    assert not done.needed and INVENTORY in done.kept


def test_a_filled_part_whose_words_alone_change_stays() -> None:
    """A better sentence in the brief is no reason to stop a build."""
    base = orders()
    there = filled(built(base), INVENTORY, WORK, "    await tx.execute('SELECT 1')")
    words = replace(base, commands=tuple(replace(c, meaning=replace(c.meaning, value="Now.")) for c in base.commands))
    found = again(words, there)
    assert not found.needed and INVENTORY in found.kept


def test_a_filled_part_that_the_design_has_no_longer_is_not_deleted() -> None:
    base = positions()
    path = "order_processing/handlers/eta_service.py"
    there = built(base)
    there[path] = there[path].replace("    for latest in cmd.latest:", "    for latest in sorted(cmd.latest, key=str):")
    found = again(orders(), there)
    assert [(each.path, each.what) for each in found.needed] == [
        (path, "it has parts of yours, and the design has no such service any more")
    ]
    untouched = again(orders(), built(base))
    assert not untouched.needed and path in untouched.removes and "tests/test_streams.py" in untouched.removes


def test_an_edited_declaration_stops_the_build() -> None:
    there = filled(built(orders()), MESSAGES, "sku: str", "sku: bytes")
    found = again(orders(), there)
    assert [each.path for each in found.needed] == [MESSAGES]
    assert "it was edited" in found.needed[0].what


def test_a_file_that_belongs_to_the_project_stays_once_it_is_edited() -> None:
    there = filled(
        built(orders()), "pyproject.toml", 'dependencies = ["partita"]', 'dependencies = ["partita", "httpx"]'
    )
    found = again(with_field(orders(), "ReserveStock", "warehouse string"), there)
    assert not found.needed and found.kept == ("pyproject.toml",)
    assert "pyproject.toml" not in found.writes


def test_a_lost_mark_stops_the_build() -> None:
    there = built(orders())
    there[INVENTORY] = there[INVENTORY].replace("# part: reserve_stock", "# part: reserve-stock")
    assert [each.path for each in again(orders(), there).needed] == [INVENTORY]


def test_a_migration_is_written_once_and_a_new_table_takes_the_next_number() -> None:
    base = orders()
    there = built(base)
    first = "order_processing/migrations/analytics/0001_order_summary_view.sql"
    there["order_processing/migrations/analytics/0002_mine.sql"] = "CREATE TABLE mine (id TEXT PRIMARY KEY);\n"
    found = again(replace(base, read_models=(*base.read_models, replace(base.read_models[0], name="order_age"))), there)
    assert not found.needed and first not in found.writes
    assert "order_processing/migrations/analytics/0003_order_age_view.sql" in found.writes


def test_a_table_that_the_design_wants_otherwise_asks_for_a_migration() -> None:
    """A database may have applied the file; a person's later migration of the table ends the question."""
    there = built(orders())
    path = "order_processing/migrations/analytics/0001_order_summary_view.sql"
    there[path] = "CREATE TABLE order_summary_view (item TEXT PRIMARY KEY);\n"
    (needed,) = again(orders(), there).needed
    assert needed.path == path and "0002_change_order_summary_view.sql" in needed.write
    there["order_processing/migrations/analytics/0002_wider.sql"] = (
        "ALTER TABLE order_summary_view ADD COLUMN event TEXT;\n"
    )
    assert not again(orders(), there).needed


def test_the_page_of_open_places_follows_the_filled_code() -> None:
    there = built(orders())
    assert f"`{INVENTORY}:" in there["FILL.md"] and "the work of ReserveStock" in there["FILL.md"]
    found = again(orders(), filled(there, INVENTORY, WORK, "    await tx.execute('SELECT 1')"))
    assert "the work of ReserveStock" not in found.writes["FILL.md"]
    assert len(found.open) == len(again(orders(), there).open) - 1
