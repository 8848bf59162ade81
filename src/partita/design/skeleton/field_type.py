"""The types of a design's fields in Python: the annotation, the notes and a plain value of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from partita.design.model.design import Design
from partita.design.model.field import FieldDesign
from partita.design.skeleton.code import WIDTH
from partita.exports.declaring.python_text import class_name, docstring, literal

GEO = "Geo"
_PLAIN = {
    "string": "str",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "decimal": "decimal.Decimal",
    "money": "int",
    "date": "dt.date",
    "timestamp": "dt.datetime",
    "duration": "int",
    "geo": GEO,
    "bytes": "bytes",
}
_VALUES = {
    "int": "1",
    "float": "1.5",
    "bool": "True",
    "decimal.Decimal": 'decimal.Decimal("12.50")',
    "dt.date": "dt.date(2026, 1, 31)",
    "dt.datetime": "dt.datetime(2026, 1, 31, 12, 30, tzinfo=dt.UTC)",
    "bytes": 'b"bytes"',
    GEO: f"{GEO}(latitude=52.5, longitude=13.4)",
}
_UNITS = {"money": "_cents", "duration": "_s"}
"""Money is a whole number of its currency's smallest unit, a duration one of seconds; the unit comes last in a name."""
# A field with such a word names the person whose data a message has.
_PERSONS = frozenset(
    "account adjuster applicant beneficiary borrower claimant client contact customer driver employee guest holder insured "
    "member owner passenger patient payer person policyholder rider student subscriber tenant user".split()
)


@dataclass(frozen=True, slots=True)
class Typed:
    """A field in Python: its name there, and its type without notes."""

    name: str
    type: str
    design: FieldDesign

    @property
    def is_optional(self) -> bool:
        """Whether it may be None: the brief says so, or messages from before it was added have no other value."""
        late = self.design.since > 1 and self.design.default is None and self.design.type not in ("list", "map")
        return self.design.optional or late

    @property
    def default(self) -> str:
        """Its default as an expression; empty = it is required."""
        value = self.design.default
        if value is None and self.design.since > 1 and self.design.type in ("list", "map"):
            return "[]" if self.design.type == "list" else "{}"
        if value is None:
            return "None" if self.is_optional else ""
        if isinstance(value, bool) or not isinstance(value, str):
            return f"{self.type}({value!r})" if self.type[0].isupper() or "." in self.type else repr(value)
        made = "" if self.type == "str" or self.type.startswith("Literal[") else self.type
        return f"{made}({literal(value)})" if made else literal(value)

    @property
    def is_person(self) -> bool:
        """Whether it names a person: `customer_id`."""
        return self.design.type in ("id", "string") and bool(_PERSONS & set(self.name.split("_")))


@dataclass(slots=True)
class Vocabulary:
    """The types that the messages of a design share: a NewType for each identifier, a class for each record.

    Two fields of one name have one type where that is possible: so a saga fills the commands by name and type.
    """

    taken: dict[str, str] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    records: dict[tuple[object, ...], tuple[str, tuple[Typed, ...]]] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    has_geo: bool = False

    def typed(self, fields: Iterable[FieldDesign], near: str) -> tuple[Typed, ...]:
        """The fields in Python, those with a default last; `near` is the message, for the name of a record."""
        return tuple(sorted((self._typed(each, near) for each in fields), key=lambda each: bool(each.default)))

    def _typed(self, each: FieldDesign, near: str) -> Typed:
        unit = _UNITS.get(each.type, "")
        name = each.name if not unit or each.name.endswith(unit) else f"{each.name}{unit}"
        return Typed(name, self._type(each, near), each)

    def _type(self, each: FieldDesign, near: str) -> str:
        if each.type == "id" or (each.name in self.keys and each.type in ("string", "int")):
            return self._identifier(each.name, "int" if each.type == "int" else "str")
        if each.values and all(value.isascii() and value.isidentifier() for value in each.values):
            return f"Literal[{', '.join(literal(value) for value in dict.fromkeys(each.values))}]"
        if each.type == "record" or (each.type in ("list", "map") and each.fields):
            inner = self._record(each, near)
        elif each.type in ("list", "map"):
            inner = self._plain(each.of or "string")
        else:
            return self._plain(each.type)
        return {"list": f"list[{inner}]", "map": f"dict[str, {inner}]"}.get(each.type, inner)

    def _plain(self, kind: str) -> str:
        self.has_geo = self.has_geo or kind == "geo"
        return _PLAIN.get(kind, "str")

    def _identifier(self, name: str, of: str) -> str:
        if (name, of) not in self.names:
            self.names[name, of] = self._claim(_capital(name), name)
        return self.names[name, of]

    def _record(self, each: FieldDesign, near: str) -> str:
        word = each.name[:-1] if each.type == "list" and each.name.endswith("s") and len(each.name) > 3 else each.name
        fields = self.typed(each.fields, near)
        name = f"{near}{_capital(word)}"
        identity = (word, *((one.name, one.type, one.default) for one in fields))
        if identity not in self.records:
            self.records[identity] = (self._claim(name, near), fields)
        return self.records[identity][0]

    def _claim(self, name: str, by: str) -> str:
        name = class_name(name, self.taken)
        self.taken[name] = by
        return name

    def value(self, each: Typed, stem: str = "1") -> str:
        """A plain value of a field; `stem` ends a text or an identifier."""
        return self._value(each.type, each.name, stem)

    def _value(self, kind: str, name: str, stem: str) -> str:
        word = name.removesuffix("_id").replace("_", "-")
        if kind in self.names.values():
            of = next(of for (_, of), known in self.names.items() if known == kind)
            return f"{kind}({'1' if of == 'int' else literal(f'{word}-{stem}')})"
        if kind.startswith("list["):
            return f"[{self._value(kind[5:-1], name, stem)}]"
        if kind.startswith("dict["):
            return f'{{"{word}": {self._value(kind[10:-1], name, stem)}}}'
        if kind.startswith("Literal["):
            return kind[8:-1].split(", ")[0]
        for known, fields in self.records.values():
            if known == kind:
                inner = ", ".join(f"{one.name}={self.value(one, stem)}" for one in fields if not one.default)
                return f"{kind}({inner})"
        return _VALUES.get(kind, literal(f"{word}-{stem}"))

    def is_text(self, kind: str) -> bool:
        """Whether a type is a text."""
        return kind == "str" or any(of == "str" and name == kind for (_, of), name in self.names.items())

    def declarations(self) -> Iterator[str]:
        """The lines of the shared types, those that others use first."""
        for (_, of), name in self.names.items():
            yield f'{name} = NewType("{name}", {of})'
        if self.has_geo:
            yield (
                f'\n\nclass {GEO}(msgspec.Struct, frozen=True, rename="camel"):\n'
                '    """A place on earth, in degrees (WGS 84)."""\n\n'
                "    latitude: float\n    longitude: float"
            )
        for name, fields in self.records.values():
            lines = [f"    {line(one)}" for one in fields]
            yield "\n".join(
                [
                    f'\n\nclass {name}(msgspec.Struct, frozen=True, rename="camel"):',
                    docstring(f"A record within messages: {', '.join(one.name for one in fields) or 'no fields'}."),
                    "",
                    *(lines or ["    pass"]),
                ]
            )


def vocabulary_of(design: Design, taken: Mapping[str, str]) -> Vocabulary:
    """An empty vocabulary that knows the keys of the design's messages."""
    keys = {event.key for event in design.events} | {command.key for command in design.commands}
    return Vocabulary(taken=dict(taken), keys=frozenset(keys))


def line(each: Typed, *, is_key: bool = False, is_subject: bool = False, needs_meaning: bool = False) -> str:
    """A field as a line of a class."""
    is_moment = each.type == "dt.datetime"
    notes = ["Millis"] if is_moment and not each.is_optional else []
    notes += ["PII"] if each.design.pii else []
    notes += ["Subject"] if is_subject else []
    meaning = " ".join(filter(None, (each.design.doc, f"({each.design.unit})" if each.design.unit else "")))
    if not meaning and needs_meaning:
        meaning = f"the brief's {each.design.name}"
    notes += [f"msgspec.Meta(description={literal(meaning)})"] if meaning else []
    default = each.default
    if each.design.since > 1:
        notes.append(f"Since({each.design.since})")
    own = (
        f"Annotated[{each.type}, Millis]" if is_moment and each.is_optional else each.type
    )  # a note of the value, not of None
    kind = f"Key[{each.type}]" if is_key else f"{own} | None" if each.is_optional else own
    value = f" = {default}" if default else ""
    inner = ", ".join([kind, *notes])
    found = f"{each.name}: Annotated[{inner}]{value}" if notes else f"{each.name}: {kind}{value}"
    if not notes or len(found) + 4 <= WIDTH:
        return found
    if len(inner) + 8 > WIDTH:
        inner = ",\n        ".join([kind, *notes]) + ","
    return f"{each.name}: Annotated[\n        {inner}\n    ]{value}"


def _capital(name: str) -> str:
    """The name of a type for a field: order_id is OrderId."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
