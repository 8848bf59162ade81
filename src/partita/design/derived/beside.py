"""The facts of a design that no code knows, declared in a file beside the app: purpose, load, storage, rules, bus."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.brief.form import BRIEF, READ_MODEL_NAME, SERVICE_NAME, STORED, TYPE_NAME
from partita.design.brief.matching import Matching
from partita.design.brief.nodes import read_nodes
from partita.design.brief.part import Part
from partita.design.brief.refused import BriefRefused
from partita.design.brief.shape import Entry, Many, Named, Record

FORM = Record(
    "the facts beside an app",
    {
        **{key: BRIEF.entries[key] for key in ("design", "domain", "purpose", "load", "consistency", "bus", "accept")},
        "storage": Entry(
            Named(
                TYPE_NAME,
                Record(
                    "the storage of an aggregate",
                    {"of": Entry(SERVICE_NAME, "the service that owns it", required=True), **STORED.entries},
                ),
            ),
            "how each aggregate is stored",
        ),
        "read_models": Entry(
            Named(
                READ_MODEL_NAME,
                Record(
                    "a read model",
                    {
                        "of": Entry(SERVICE_NAME, "the service that keeps it", required=True),
                        "from": Entry(Many(TYPE_NAME), "the events that it is made of", required=True),
                    },
                ),
            ),
            "the read models",
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Beside:
    """The facts as they were read, and the file for their places."""

    part: Part = Part(0)
    source: str = ""


NOTHING = Beside()
"""Nothing is declared beside the app: the design asks for it."""


def read_beside(text: str, source: str) -> Beside:
    """The facts in a text of YAML.

    Raises:
        BriefRefused: it does not follow the form; it has all findings, each with its line and the words to write.
        SettingsError: PyYAML is not installed.
    """
    matching = Matching()
    found = matching.value(read_nodes(text, source), FORM, "the file")
    if found is None or not isinstance(found.of, Part) or matching.findings:
        raise BriefRefused(source, matching.findings)
    return Beside(found.of, source)
