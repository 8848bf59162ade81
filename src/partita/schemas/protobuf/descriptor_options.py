"""The options of descriptor.proto by their numbers: those that every compiler knows. A custom option is none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from partita.schemas.protobuf.proto_file import Options
from partita.schemas.protobuf.reader import quoted
from partita.schemas.protobuf.tokens import string_of
from partita.schemas.protobuf.wire import Value, read, written


class Option(NamedTuple):
    """An option's number, and its names of values where it is an enum; `is_text` where it is a string."""

    number: int
    names: Mapping[int, str]
    is_text: bool = False


_TRUTH = {0: "false", 1: "true"}


def _flag(number: int) -> Option:
    return Option(number, _TRUTH)


def _text(number: int) -> Option:
    return Option(number, {}, is_text=True)


FILE = {
    "java_package": _text(1), "java_outer_classname": _text(8), "go_package": _text(11), "objc_class_prefix": _text(36),
    "csharp_namespace": _text(37), "swift_prefix": _text(39), "php_class_prefix": _text(40), "php_namespace": _text(41),
    "php_metadata_namespace": _text(44), "ruby_package": _text(45), "java_multiple_files": _flag(10),
    "java_generate_equals_and_hash": _flag(20), "java_string_check_utf8": _flag(27), "cc_generic_services": _flag(16),
    "java_generic_services": _flag(17), "py_generic_services": _flag(18), "deprecated": _flag(23),
    "cc_enable_arenas": _flag(31), "optimize_for": Option(9, {1: "SPEED", 2: "CODE_SIZE", 3: "LITE_RUNTIME"}),
}  # fmt: skip
MESSAGE = {"message_set_wire_format": _flag(1), "no_standard_descriptor_accessor": _flag(2), "deprecated": _flag(3)}
FIELD = {
    "ctype": Option(1, {0: "STRING", 1: "CORD", 2: "STRING_PIECE"}), "packed": _flag(2), "deprecated": _flag(3),
    "lazy": _flag(5), "jstype": Option(6, {0: "JS_NORMAL", 1: "JS_STRING", 2: "JS_NUMBER"}), "weak": _flag(10),
    "unverified_lazy": _flag(15), "debug_redact": _flag(16),
}  # fmt: skip
ENUM = {"allow_alias": _flag(2), "deprecated": _flag(3)}
ENUM_VALUE = {"deprecated": _flag(1), "debug_redact": _flag(3)}
SERVICE = {"deprecated": _flag(33)}
METHOD = {
    "deprecated": _flag(33),
    "idempotency_level": Option(34, {0: "IDEMPOTENCY_UNKNOWN", 1: "NO_SIDE_EFFECTS", 2: "IDEMPOTENT"}),
}


def options_of(data: bytes, known: Mapping[str, Option]) -> Options:
    """The options in a descriptor's message of options; custom ones, whose meaning is elsewhere, are left out.

    Raises:
        ValueError: it is no message.
    """
    names = {option.number: name for name, option in known.items()}
    found: dict[str, str] = {}
    for number, value in read(data):
        name = names.get(number)
        if name is not None:
            text = _said(known[name], value)
            if text is not None:
                found[name] = text
    return tuple(sorted(found.items()))


def _said(option: Option, value: Value) -> str | None:
    if isinstance(value, bytes):
        return quoted(value) if option.is_text else None
    return option.names.get(value)


def written_options(options: Options, known: Mapping[str, Option]) -> bytes | None:
    """A descriptor's message of options; None = there are none. Custom options are left out."""
    fields: list[tuple[int, int | bytes]] = []
    for name, text in options:
        option = known.get(name)
        if option is None:
            continue
        if option.is_text:
            fields.append((option.number, string_of(text)))
        else:
            fields += [(option.number, number) for number, said in option.names.items() if said == text]
    return written(sorted(fields)) or None
