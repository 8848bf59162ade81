"""`Reader`: the tokens of a .proto text, taken one after the other; each refusal has a place."""

from __future__ import annotations

import math
from typing import NoReturn

from partita.schemas.protobuf.proto_file import Options
from partita.schemas.protobuf.tokens import Token, refused, string_of, tokens_of

DEPTH_MAX = 32
"""Messages within messages, and brackets within an option's value: protoc's own limit for messages."""

NAME_MAX = 1_000
"""Characters of a full name."""


class Reader:
    """A place among the tokens of a text."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self._at = 0

    @property
    def next(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._at]

    def refuse(self, why: str, token: Token | None = None) -> NoReturn:
        """Refuse the text at a token, the next one by default."""
        raise refused(why, (token or self.next).place)

    def take(self) -> Token:
        """Take the next token, whatever it is."""
        token = self.next
        if token.kind == "end":
            self.refuse("the text ends too early")
        self._at += 1
        return token

    def took(self, text: str) -> bool:
        """Take the next token if it is this sign or word."""
        if self.next.text != text or self.next.kind == "text":
            return False
        self._at += 1
        return True

    def ahead(self, text: str) -> bool:
        """Whether the token behind the next one is this sign or word."""
        behind = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return behind.text == text and behind.kind != "text"

    def expect(self, text: str) -> Token:
        """Take this sign or word."""
        if self.next.text != text or self.next.kind == "text":
            self.refuse(f"{text!r} is expected, and there is {self._shown()}")
        return self.take()

    def name(self) -> str:
        """Take a name."""
        if self.next.kind != "name":
            self.refuse(f"a name is expected, and there is {self._shown()}")
        return self.take().text

    def full_name(self, *, leading_dot: bool = False) -> str:
        """Take a name with dots."""
        token = self.next
        dot = "." if leading_dot and self.took(".") else ""
        parts = [self.name()]
        while self.took("."):
            parts.append(self.name())
        if sum(map(len, parts)) + len(parts) > NAME_MAX:
            self.refuse(f"the name has more than {NAME_MAX} characters", token)
        return dot + ".".join(parts)

    def whole_number(self, low: int, high: int) -> int:
        """Take a whole number."""
        token = self.next
        sign = -1 if self.took("-") else 1
        if self.next.kind != "int":
            self.refuse(f"a whole number is expected, and there is {self._shown()}")
        number = sign * self._value(self.take())
        if not low <= number <= high:
            self.refuse(f"{number} is outside {low} to {high}", token)
        return number

    def string(self) -> str:
        """Take a text in quotes; several behind each other are one."""
        token = self.next
        try:
            return self._bytes().decode()
        except UnicodeDecodeError:
            self.refuse("the text in quotes is not UTF-8", token)

    def options(self) -> Options:
        """Take options in brackets, if there are any."""
        if not self.took("["):
            return ()
        found = [self.option()]
        while not self.took("]"):
            self.expect(",")
            found.append(self.option())
        return in_order(found)

    def option(self) -> tuple[str, str]:
        """Take the name and the value of an option."""
        name = self._option_part()
        while self.took("."):
            name += f".{self._option_part()}"
        self.expect("=")
        return name, self._constant(0)

    def _option_part(self) -> str:
        if not self.took("("):
            return self.name()
        inner = self.full_name(leading_dot=True)
        self.expect(")")
        return f"({inner})"

    def _constant(self, depth: int) -> str:
        if depth > DEPTH_MAX:
            self.refuse(f"brackets are nested more than {DEPTH_MAX} deep")
        if self.next.kind == "text":
            return quoted(self._bytes())
        if self.took("{"):
            return self._aggregate("}", depth)
        if depth and self.took("<"):
            return self._aggregate(">", depth)
        if depth and self.took("["):
            return self._list(depth)
        sign = self.take().text if self.next.text in ("-", "+") else ""
        if self.next.kind == "int":
            return f"{sign.strip('+')}{self._value(self.take())}"
        if self.next.kind == "float":
            number = float(self.take().text)
            return f"{sign.strip('+')}{'inf' if math.isinf(number) else repr(number)}"
        return f"{sign.strip('+')}{self.full_name()}"

    def _list(self, depth: int) -> str:
        found: list[str] = []
        while not self.took("]"):
            if found:
                self.expect(",")
            found.append(self._constant(depth + 1))
        return f"[{', '.join(found)}]"

    def _aggregate(self, end: str, depth: int) -> str:
        found: list[str] = []
        while not self.took(end):
            if self.took("["):
                key = self.full_name()
                while self.took("/"):
                    key += f"/{self.full_name()}"
                self.expect("]")
                key = f"[{key}]"
            else:
                key = self.name()
            if not self.took(":") and self.next.text not in ("{", "<"):
                self.refuse(f"':' is expected, and there is {self._shown()}")
            found.append(f"{key}: {self._constant(depth + 1)}")
            if not self.took(","):
                self.took(";")
        return f"{{ {', '.join(found)} }}" if found else "{ }"

    def _bytes(self) -> bytes:
        if self.next.kind != "text":
            self.refuse(f"a text in quotes is expected, and there is {self._shown()}")
        found: list[bytes] = []
        while self.next.kind == "text":
            token = self.take()
            try:
                found.append(string_of(token.text))
            except ValueError as error:
                self.refuse(str(error), token)
        return b"".join(found)

    def _value(self, token: Token) -> int:
        text = token.text
        if len(text) > 25:
            self.refuse("the number has too many digits", token)
        if text[:2] in ("0x", "0X"):
            return int(text, 16)
        if text[0] == "0" and text != "0":
            if not set(text) <= set("01234567"):
                self.refuse(f"{text} is no octal number", token)
            return int(text, 8)
        return int(text)

    def _shown(self) -> str:
        token = self.next
        return "the end of the text" if token.kind == "end" else f"{token.text[:40]!r}"


def in_order(options: list[tuple[str, str]]) -> Options:
    """Options sorted by name. One that is repeated keeps the order of its values, which is that of a list."""
    return tuple(sorted(options, key=lambda each: each[0]))


def quoted(data: bytes) -> str:
    """Bytes as a text in quotes, in the one form that they have here."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        return '"' + "".join(escapes.get(c, c if " " <= c < "\x7f" else f"\\{ord(c):03o}") for c in text) + '"'
    return '"' + "".join(escapes.get(c, c if c >= " " and c != "\x7f" else f"\\{ord(c):03o}") for c in text) + '"'
