"""The services of an imported document: as Partita wrote them, else one for each namespace of its messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from partita.catalog.place import Place
from partita.catalog.service_name import check_name, check_namespace
from partita.errors import DeclarationError
from partita.exports.declaring.document import Document
from partita.exports.declaring.module import Module
from partita.exports.declaring.python_text import literal, variable_name
from partita.schemas.languages import LANGUAGES

PLACE = Place("imported", 1)


@dataclass(frozen=True, slots=True)
class Owner:
    """A service, and the variable that holds it."""

    variable: str
    name: str
    namespace: str
    codec: str = "avro"
    team: str = ""

    @property
    def line(self) -> str:
        """Its declaration."""
        words = [literal(self.name), f"namespace={literal(self.namespace)}"]
        words += [f"team={literal(self.team)}"] if self.team else []
        words += [f"codec={literal(self.codec)}"] if self.codec != "avro" else []
        return f"{self.variable} = Service({', '.join(words)})"


class Owners:
    """The services of one document. Of those that Partita wrote into it, all are kept that own a message."""

    def __init__(self, document: Document, module: Module) -> None:
        self._module = module
        self._title = str(document.part("info").get("title", "")) or "imported"
        self._by_name: dict[str, Owner] = {}
        self._by_namespace: dict[str, Owner] = {}
        self.used: list[Owner] = []
        held = document.part("info", "x-partita").get("owners", [])
        for each in held if isinstance(held, list) else ():
            if isinstance(each, dict):
                codec = str(each.get("codec"))
                codec = codec if codec in LANGUAGES else "avro"
                self._make(str(each.get("name", "")), str(each.get("namespace", "")), codec, str(each.get("team", "")))

    def of(self, name: str, namespace: str) -> Owner:
        """The owner of a message, by its name, else by the namespace of the message's type, else by the title of the document."""
        found = self._by_name.get(name) or self._by_namespace.get(namespace)
        if found is not None:
            return found
        wanted = namespace or variable_name(self._title)
        return self._by_namespace.get(wanted) or self._make(wanted.rpartition(".")[2], wanted, "avro", "")

    def use(self, owner: Owner) -> None:
        """Note that an owner owns something."""
        if owner not in self.used:
            self.used.append(owner)

    def _make(self, name: str, namespace: str, codec: str, team: str) -> Owner:
        plain = name if _fits(check_name, name) else f"{variable_name(name)[:50].strip('_')}-service"
        space = namespace if _fits(check_namespace, namespace) else f"imported.{variable_name(namespace or name)}"
        variable = self._module.claim(variable_name(plain.removesuffix("-service"), self._module.taken))
        owner = Owner(variable, plain, space, codec, team)
        self._by_name.setdefault(name, owner)
        self._by_namespace.setdefault(namespace, owner)
        return owner


def _fits(check: Callable[[object, Place], None], word: str) -> bool:
    """Whether a name is valid where it is declared."""
    try:
        check(word, PLACE)
    except DeclarationError:
        return False
    return True
