"""The published schema is that of the form."""

from __future__ import annotations

import json
from pathlib import Path

from partita.design.brief import form
from partita.design.brief.json_schema import json_schema, schema_text
from partita.design.brief.shape import Record, Word
from partita.design.checking.prompt import prompt
from partita.design.checking.rules import RULES

FILE = Path(__file__).resolve().parents[4] / "docs/designs/brief.schema.json"


def test_the_published_file_is_the_derived_schema() -> None:
    """An editor reads the file, the reader the form: `partita design schema > docs/designs/brief.schema.json` writes it."""
    assert FILE.read_text(encoding="utf-8") == schema_text()


def test_each_key_of_the_form_is_in_the_schema_with_its_meaning() -> None:
    schema = json_schema()
    for key, entry in form.BRIEF.entries.items():
        properties = schema["properties"]
        assert isinstance(properties, dict)
        assert properties[key]["description"] == entry.doc


def test_no_two_parts_of_the_form_have_one_name() -> None:
    """The second one would take the place of the first in the schema's definitions."""
    for kind in (Record, Word):
        nouns = [each.noun.split(" ", 1)[1] for each in vars(form).values() if isinstance(each, kind)]

        assert len(nouns) > 5 and len(set(nouns)) == len(nouns)


def test_the_prompt_has_the_schema_and_each_rule() -> None:
    """An assistant that does not know a rule breaks it."""
    text = prompt()

    assert json.loads(text.partition("```json\n")[2].partition("```")[0]) == json_schema()
    assert [name for name in RULES if f"- {name}: " not in text] == []
