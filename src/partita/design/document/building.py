"""`document_of`: the document of a design."""

from __future__ import annotations

from partita.design.document.appendices import (
    capacity,
    decisions,
    failures,
    glossary,
    ledger,
    proof,
    rollout,
    tables,
)
from partita.design.document.appendices import schemas as all_schemas
from partita.design.document.block import Document
from partita.design.document.reading_path import with_path
from partita.design.document.sections import (
    bus,
    cqrs,
    dead_letters,
    event_catalog,
    event_sourcing,
    flow_decisions,
    idempotency,
    observability,
    one_page,
    outbox,
    sagas,
    schemas,
    testing,
    topics,
)
from partita.design.document.shown import NO_TESTS, Shown
from partita.design.document.view import view_of
from partita.design.model.design import Design

SECTIONS = (
    one_page,
    event_catalog,
    schemas,
    flow_decisions,
    sagas,
    bus,
    topics,
    event_sourcing,
    cqrs,
    outbox,
    dead_letters,
    idempotency,
    observability,
    testing,
    ledger,
    failures,
    all_schemas,
    capacity,
    tables,
    decisions,
    rollout,
    proof,
    glossary,
)


def document_of(design: Design, shown: Shown = NO_TESTS) -> Document:
    """The document: one page, thirteen sections, the appendices. It names the tests that show it, and no others. The same design
    and tests give the same blocks everywhere."""
    view = view_of(design, shown)
    return Document(design.domain, design.source, with_path([each.section(view) for each in SECTIONS]))
