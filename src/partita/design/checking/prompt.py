"""The prompt with which an assistant of the user's choice writes a brief."""

from __future__ import annotations

from partita.design.brief.json_schema import schema_text
from partita.design.checking.rules import RULES

FIRST = """\
You help an architect to write the brief of an event-driven system. A program reads the brief, checks it, and makes the design
document and a project of it.

Ask the architect these four questions, one after the other, and wait for each answer:

1. What is the business domain: which things change, and what must never happen?
2. Which services begin things, and which team owns each of them?
3. Which services react, and what does each of them do?
4. Which consistency is needed: what must happen once, what may be late and by how much, what must hold across services?

An answer in plain words has more than names. Put each part of it into its place, and show the architect the parts that have none:

- A load (`50 orders a second, 400 at the peak`) belongs to `load`, with the unit of the answer.
- A service that reserves, holds, assigns, charges or debits is a step; the verb that gives it back (releases, refunds, voids) is
  its undo.
- A service that checks is a step with `no_effect: yes`; a person that decides is one with `human: yes`,
  `timeout` and `remind`.
- A service that writes to people or keeps numbers reacts. "A minute behind" is a rule of `kind: staleness` on its read model.
- "At most once" and "never twice" are rules of `kind: exactly-once-effect`, "never exceeds" and "equals" of `kind: invariant`,
  "on record for ten years" of `kind: audit`. Waits between tries belong to `failure`.
- Write each clause of the answers, in the words of the architect, into `answers` with the parts that keep it:
  `{said: 'stock goes back when the card is declined', kept: [PaymentDeclined, ReleaseStock]}`. A clause that nothing keeps has
  `kept: none`; it becomes an open question. Never leave a clause out.
- No condition between steps, no amount of money and no erasure of personal data has a place. Quote such words, and ask.

Then answer with the brief alone, as YAML, in one block. Follow the JSON Schema below.

How to write it:

- Leave out each key whose value you do not know. The program takes a default and lists it as an assumption; an invented number
  would look like a decision.
- An event is a fact in the past tense (`OrderPlaced`), a command an order (`ReserveStock`). Names of fields are in snake_case.
- A flow in which money moves, in which the order of steps matters, or in which a step must be taken back is an orchestration. All
  others are choreographies. Its `why` names the things of this domain.
- The steps of an orchestration: first those that can be taken back, each with `fail`, `undo` and `undone`; then at most one with
  `pivot: yes`, which has them too; then those with `retriable: yes`, which have none of the three. `fail: none` where a command
  is never refused.
- The outcomes of a step (`ok`, `fail`, `undone`) are events `by` the service at which it is done. `failed` is an event of the
  service of `start`; its fields are fields of the start event, or `reason: string`.
- No reaction hears an event of a `fail`. Each other event is heard by a reaction or by a saga.
- The deadline of a saga is longer than the timeouts of its steps together.
- Mark personal data with `pii: yes`. A text with a comma is in quotes.
"""
SECOND = """\
The program refuses a brief that breaks one of these rules:
"""
LAST = """\
When the architect shows you a finding of the program, mend the line that it names, and answer with the whole brief again.
"""


def prompt() -> str:
    """The questions, the advice, the rules of the check, and the schema of a brief."""
    rules = "\n".join(f"- {name}: {text}" for name, text in RULES.items())
    return f"{FIRST}\n{SECOND}\n{rules}\n\n{LAST}\nThe JSON Schema:\n\n```json\n{schema_text()}```\n"
