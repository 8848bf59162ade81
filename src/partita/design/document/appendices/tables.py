"""Appendix E, tables: the DDL of the outbox, and of each service that keeps streams of events."""

from __future__ import annotations

from partita.design.document.block import PLANNED, Block, Code, Paragraph, R, Section
from partita.design.document.topic import topics_of
from partita.design.document.traffic import of_producer
from partita.design.document.view import View
from partita.design.model.section import APPENDICES

OUTBOX = """\
CREATE TABLE outbox (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL, aggregatetype TEXT NOT NULL,
    aggregateid TEXT, type TEXT NOT NULL, payload BYTEA NOT NULL, headers BYTEA NOT NULL,
    correlation_id TEXT NOT NULL, causation_id TEXT, slot BIGINT NOT NULL, at_us BIGINT NOT NULL
);"""
"""The outbox of a PostgreSQL store; a test compares it with the table that the store makes."""
_STREAM = """\
CREATE TABLE {service}_stream (
    stream TEXT NOT NULL, version BIGINT NOT NULL, type TEXT NOT NULL, schema TEXT NOT NULL,
    payload BYTEA NOT NULL, subject_key TEXT, at_us BIGINT NOT NULL, PRIMARY KEY (stream, version)
);
-- one stream for each {keys}; the primary key refuses the second writer of a version"""


def section(view: View) -> Section:
    """The tables that Partita makes, or will make."""
    design = view.design
    blocks: list[Block] = []
    senders = [service.name for service in design.services if of_producer(design, service.name).steady > 0]
    keys = dict.fromkeys(key for topic in topics_of(design) for key in topic.keys)
    if senders:
        caption = f"The outbox of each of {', '.join(senders)}: aggregateid is its {' or '.join(keys)}."
        blocks.append(Code("sql", OUTBOX, caption, R))
    sourced = [each for each in design.aggregates if each.stored.value == "event-sourced"]
    for service in dict.fromkeys(each.service for each in sourced):
        own = {design.event(name).key for each in sourced if each.service == service for name in each.events}
        text = _STREAM.format(service=service.replace("-", "_"), keys=", ".join(sorted(own)) or "aggregate")
        database = design.service(service).database.value
        blocks.append(Code("sql", text, f"The streams of `{service}`, in its {database}.", PLANNED))
    if not blocks:
        blocks.append(Paragraph(f"No service of {design.domain} commits an event with a state.", R))
    return Section("E", APPENDICES["E"], tuple(blocks))
