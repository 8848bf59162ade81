"""The thirteen sections of a design document, by number, and its appendices, by letter."""

from __future__ import annotations

SECTIONS = {
    1: "Event catalog",
    2: "Schemas and evolution",
    3: "Choreography and orchestration",
    4: "Sagas",
    5: "Bus and cluster",
    6: "Topics",
    7: "Event sourcing or CRUD",
    8: "CQRS",
    9: "Outbox",
    10: "Retries and dead letters",
    11: "Idempotency",
    12: "Observability",
    13: "Testing",
}

APPENDICES = {
    "A": "Ledger",
    "B": "Failure matrix",
    "C": "Schemas",
    "D": "Capacity sheets",
    "E": "Tables",
    "F": "Decisions",
    "G": "Threats and rollout",
    "H": "Tests",
    "I": "Glossary and exports",
}
