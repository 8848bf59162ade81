"""The document of a design: whole, exact, with its arithmetic, and without a claim that nothing shows."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator

import pytest
from tests.unit.design.numbers import unexplained
from tests.unit.design.sample_orders import ORDER_ID, field, orders
from tests.unit.design.skeleton import sample

from partita.design.document import arithmetic
from partita.design.document.appendices.tables import OUTBOX
from partita.design.document.block import (
    PLANNED,
    Block,
    Calculations,
    Code,
    Document,
    Figure,
    Heading,
    Paragraph,
    Section,
    Sequence,
    Table,
)
from partita.design.document.building import document_of
from partita.design.document.bus_matrix import matrix, needs_of, totals, winner
from partita.design.document.failure_matrix import ENTRY_FAULTS, FAULTS
from partita.design.document.message_shape import avro_of
from partita.design.document.shown import Shown, about_entry, about_rule, about_saga, about_step
from partita.design.document.topic import retry_topics, topics_of
from partita.design.model.design import Design
from partita.design.model.field import FieldDesign
from partita.design.model.saga import SagaDesign
from partita.design.model.section import APPENDICES
from partita.design.skeleton.project import shown_of
from partita.store.postgres import schema as postgres_schema

REFERENCE = json.loads("""
{"type": "record", "name": "OrderPlaced", "namespace": "shop.order.v1", "fields": [
  {"name": "orderId", "type": "string"}, {"name": "customerId", "type": "string"},
  {"name": "totalCents", "type": "long"},
  {"name": "occurredAt", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}
""")


@pytest.fixture(scope="module")
def design() -> Design:
    return orders()


@pytest.fixture(scope="module")
def document(design: Design) -> Document:
    return document_of(design)


@pytest.fixture(scope="module")
def built() -> Document:
    """The document of a design that becomes a project."""
    return document_of(sample.orders(), shown_of(sample.orders()))


def section_of(document: Document, number: str) -> Section:
    return next(section for section in document.sections if section.number == number)


def blocks(document: Document) -> Iterator[Block]:
    for section in document.sections:
        yield from section.blocks


def test_the_document_has_one_page_thirteen_sections_and_the_appendices(document: Document) -> None:
    """An architect owes each of them."""
    assert [section.number for section in document.sections] == [*map(str, range(14)), *APPENDICES]


def test_no_section_is_empty_and_no_heading_is_alone(document: Document) -> None:
    """An empty section is a blank to fill in, which this document is not."""
    for section in document.sections:
        assert section.blocks, section.title
        assert not isinstance(section.blocks[-1], Heading), section.title
        for block, following in zip(section.blocks, section.blocks[1:], strict=False):
            both = isinstance(block, Heading) and isinstance(following, Heading)
            assert not both, f"{section.title}: nothing below {block}"


def test_the_reference_record_comes_out_to_the_letter(design: Design, document: Document) -> None:
    """Other systems have this record already."""
    assert avro_of(design, design.event("OrderPlaced"), 1) == REFERENCE
    codes = [block.text for block in blocks(document) if isinstance(block, Code) and "revision 1 of" in block.caption]
    assert json.loads(codes[0]) == REFERENCE


def test_a_later_revision_has_its_default(design: Design) -> None:
    """Without one, old bytes could not be read."""
    fields = {field["name"]: field for field in avro_of(design, design.event("OrderPlaced"))["fields"]}
    assert fields["lines"]["default"] == []
    assert fields["email"] == {"name": "email", "type": "string", "pii": True, "default": ""}


def test_each_step_has_a_row_for_each_fault(design: Design, document: Document) -> None:
    """A fault that is left out is the one that happens."""
    rows = [
        row
        for block in section_of(document, "B").blocks
        if isinstance(block, Table) and block.columns[0] == "step"
        for row in block.rows
    ]
    found = [(row.cells[0], row.cells[1]) for row in rows]
    assert found == [(f"`{step.do}`", fault) for _, step in design.steps for fault in FAULTS]
    assert all(all(row.cells) for row in rows)


def test_a_timed_out_step_undoes_itself_and_the_steps_before_it(document: Document) -> None:
    """The outcome of a command without an answer is unknown."""
    rows = [row.cells for block in blocks(document) if isinstance(block, Table) for row in block.rows]
    (timeout,) = [cells for cells in rows if cells[:2] == ("`ReserveStock`", "timeout")]
    assert "sends `ReleaseStock`, then publishes `OrderCancelled`" in timeout[3]
    (refused,) = [cells for cells in rows if cells[:2] == ("`ReserveStock`", "refused")]
    assert refused[3] == "undoes nothing, then publishes `OrderCancelled`"


def test_each_claim_of_a_test_is_planned_from_a_brief_alone(built: Document) -> None:
    """A test that has not run shows nothing yet."""
    rows = [row for block in blocks(built) if isinstance(block, Table) for row in block.rows]
    claims = [row for row in rows if any("`test_" in cell or "::test_" in cell for cell in row.cells)]
    assert len(claims) > 40
    assert all(row.mark is PLANNED for row in claims)


def test_a_document_without_a_project_names_no_test(design: Design) -> None:
    """An app has tests of its own, and their names are not guessed."""
    found = document_of(design, Shown(missing="shop.app:app has tests of its own, which no design knows"))
    assert "test_checkout" not in repr(found) and "::test_" not in repr(found)
    assert "is named here: shop.app:app has tests of its own" in repr(section_of(found, "H"))
    cells = "Cells = 24; shown by a test = 0; by none = 24: 3 x refused, 3 x timeout"
    assert cells in repr(section_of(found, "B"))


def test_a_design_that_is_no_project_names_no_test_and_says_why(design: Design) -> None:
    """The skeleton refuses a name that is none in Python."""
    found = shown_of(design)
    assert not found.tests
    assert found.missing.startswith(
        "no project can be written from it. The design cannot become code: step of Checkout"
    )


def test_each_claim_that_a_test_of_the_project_shows_is_one_of_the_document() -> None:
    """A claim with another spelling would be shown by no row."""
    design = sample.orders()
    known = {about_step(saga.name, step.do, fault) for saga, step in design.steps for fault in FAULTS}
    known |= {about_saga(saga.name) for saga in design.sagas} | {about_rule(rule.text) for rule in design.rules}
    known |= {about_step(saga.name, step.undo, fault) for saga, step in design.steps for fault in FAULTS if step.undo}
    known |= {
        about_entry(command.name, fault) for command in design.commands for fault in ENTRY_FAULTS if command.enters
    }
    assert {claim for test in shown_of(design).tests for claim in test.shows} <= known


def test_the_matrix_counts_its_cells_with_a_test_and_without(built: Document) -> None:
    """The step of the saga's own service is in its transaction: no copy, no hour away."""
    sentences = [block.text for block in section_of(built, "B").blocks if isinstance(block, Paragraph)]
    without = "1 x crash before commit, 1 x crash after commit, 1 x duplicate, 1 x reorder, 1 x an hour away"
    assert f"Cells = 24; shown by a test = 19; by none = 5: {without}." in sentences


def test_each_picture_has_a_caption_that_states_its_point(design: Design, document: Document) -> None:
    """A picture without a point is decoration; a caption names the things that it is about."""
    names = [
        design.domain,
        *(each.name for each in (*design.services, *design.events, *design.sagas, *design.commands)),
    ]
    pictures = [block for block in blocks(document) if isinstance(block, Figure | Sequence)]
    assert len(pictures) >= 7
    for picture in pictures:
        assert picture.caption.endswith(".") and len(picture.caption.split()) > 3, picture.caption
        assert any(f"`{name}`" in picture.caption for name in names), picture.caption


def test_each_number_has_its_arithmetic(design: Design, document: Document) -> None:
    """A number that no reader can follow is a guess."""
    assert unexplained(design, document) == []


def test_a_number_without_arithmetic_is_found(design: Design, document: Document) -> None:
    """A lint that was never red proves nothing."""
    first = document.sections[0]
    table = next(block for block in first.blocks if isinstance(block, Table))
    row = dataclasses.replace(table.rows[0], cells=("about 4,711 GB", *table.rows[0].cells[1:]))
    planted = dataclasses.replace(table, rows=(row, *table.rows[1:]))
    section = dataclasses.replace(first, blocks=tuple(planted if block is table else block for block in first.blocks))
    changed = dataclasses.replace(document, sections=(section, *document.sections[1:]))
    assert unexplained(design, changed) == ["4,711 GB: about 4,711 GB"]


def test_the_arithmetic_is_right(design: Design) -> None:
    """Computed by hand: 102.5/s x 48 B x 90 d x 3; 900 s - (30 + 60 + 30) s; 52.5/s x 24 h; 420/s x 6 h."""
    topic = next(each for each in topics_of(design) if each.name == "shop.order.events")
    assert arithmetic.disk(design, topic).amount == pytest.approx(102.5 * 48 * 90 * 86_400 * 3)
    (saga,) = design.sagas
    assert arithmetic.budget(saga).amount == 120.0
    assert arithmetic.slack(saga).result == "13 min"
    rows, _ = arithmetic.window_rows(design, "inventory-service", 86_400.0)
    assert rows.result == "4,536,000 rows"
    rows, size = arithmetic.backlog(design, "payment-service")
    assert (rows.result, size.result) == ("9,072,000 rows", "435 MB")
    assert arithmetic.partitions(topic).result == "12"  # 820/s x 5 ms x 2 = 8.2, rounded up
    assert arithmetic.monthly(design).amount == pytest.approx(210 * 30 * 86_400)


def test_the_matrix_adds_up_and_the_load_tips_it(design: Design) -> None:
    """A choice that no number can change was made before."""
    needs = needs_of(design)
    assert winner(needs) == "kafka"
    assert totals(needs)["kafka"] == sum(need.weight * need.scores[0] for need in matrix(needs))
    small = dataclasses.replace(needs, peak=20.0, disk=1e9, teams=1, replayed=())
    assert winner(small) == "database"


def test_failing_messages_wait_in_topics_of_their_group(design: Design) -> None:
    """The retry topics are 1m, 5m, 30m, under the names of topic and group."""
    topic = next(each for each in topics_of(design) if each.name == "shop.payment.commands")
    assert retry_topics(design, topic, "payment-service") == tuple(
        f"shop.payment.commands.payment-service.retry-{wait}" for wait in ("1m", "5m", "30m")
    )


def test_the_outbox_is_the_one_that_the_store_makes() -> None:
    """A table that is printed from memory drifts."""
    assert OUTBOX in inspect.getsource(postgres_schema)


def test_a_design_without_a_saga_a_read_model_or_a_load_has_a_whole_document(design: Design) -> None:
    """A brief of four answers may have none of them."""
    bare = dataclasses.replace(
        design, sagas=(), commands=(), read_models=(), aggregates=(), rules=(), choreographies=(), questions=(),
        load=dataclasses.replace(design.load, streams=()),
        events=tuple(dataclasses.replace(event, rate=dataclasses.replace(event.rate, value=0.0)) for event in design.events),
    )  # fmt: skip
    found = document_of(bare)
    assert all(section.blocks for section in found.sections)
    assert all(block.of for block in blocks(found) if isinstance(block, Calculations))


def test_the_same_design_gives_the_same_document(design: Design, document: Document) -> None:
    """A document that differs by itself cannot be compared."""
    assert document_of(orders()) == document


def test_a_saga_of_retriable_steps_undoes_nothing(design: Design) -> None:
    """As the capture of a fare: it is sent until it is done."""
    (saga,) = design.sagas
    late = SagaDesign(
        "Settle", saga.at, "OrderConfirmed", saga.key, saga.deadline, "", saga.why, (saga.steps[2],), saga.origin
    )
    found = section_of(document_of(dataclasses.replace(design, sagas=(late,))), "B")
    rows = [row.cells for block in found.blocks if isinstance(block, Table) for row in block.rows]
    (timeout,) = [cells for cells in rows if cells[:2] == ("`ConfirmOrder`", "timeout")]
    assert "again under its id" in timeout[3]


def test_a_map_of_hundreds_of_messages_is_drawn_by_its_services(design: Design) -> None:
    """A picture with hundreds of boxes takes minutes, and is read by no person."""
    many = tuple(dataclasses.replace(design.events[2], name=f"Thing{number}Happened") for number in range(100))
    (choreography,) = design.choreographies
    heard = dataclasses.replace(choreography.reactions[1], when=tuple(event.name for event in many))
    wide = dataclasses.replace(choreography, reactions=(*choreography.reactions, heard))
    found = document_of(dataclasses.replace(design, events=(*design.events, *many), choreographies=(wide,)))
    (flow,) = [block for block in blocks(found) if isinstance(block, Figure) and block.name == "flow"]
    assert len(flow.picture.cards) == len(design.services)
    assert "too many for one picture" in flow.caption


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (field("lines", "list", default="[]", since=2), []),
        (field("note", "string", default="", optional=True), ""),
        (field("weight", "int", default="", optional=True), None),
        (field("vat", "decimal", default="0.19"), "\x0b\x53\x2b\x80"),
        (field("paid", "bool", default=False, since=2), False),
        (field("address", "record", fields=(field("street"),), since=2), None),
        (field("sizes", "map", of="int", since=3), {}),
        (field("day", "date", default="2026-03-02"), 20514),
    ],
    ids=lambda value: value.name if isinstance(value, FieldDesign) else "",
)
def test_a_default_is_a_value_of_its_fields_type(design: Design, given: FieldDesign, expected: object) -> None:
    """A design of an app gives defaults as texts; one that fits no type is None, in a field that may be None."""
    event = dataclasses.replace(design.event("OrderPlaced"), fields=(ORDER_ID, given))
    (_, found) = avro_of(design, event)["fields"]
    assert found["default"] == expected
