"""One codec writes each message in its own language and reads it in that of its writer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from partita import Command, Event, Key, Rejection, Service
from partita.catalog.contract import contract_of
from partita.codec.connect import connect_codec
from partita.codec.dispatching import DispatchingCodec
from partita.codec.port import Codec
from partita.errors import DeclarationError, UnknownSchema
from partita.schemas.fields.shape import Shape


class Named:
    """A codec of one language that writes its name."""

    made = 0

    def __init__(self, language: str, mark: str) -> None:
        type(self).made += 1
        self.language, self.mark = language, mark
        self.taught: dict[str, str] = {}

    def learn(self, shape: Shape) -> str:
        return self.mark + "0" * 16

    def schema_text(self, fingerprint: str) -> str | None:
        return self.taught.get(fingerprint)

    def teach(self, fingerprint: str, text: str) -> None:
        self.taught[fingerprint] = text

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        return self.learn(shape), self.language.encode()

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        return Read(by=self.language, data=data)

    def as_written(self, fingerprint: str, data: bytes) -> object:
        return self.language


class Read(msgspec.Struct):
    by: str
    data: bytes


def named(language: str, mark: str) -> Callable[[], Codec]:
    return lambda: Named(language, mark)


def shape_in(language: str) -> Shape:
    return Shape("Read", "test", Read, language)


def test_a_message_is_written_in_its_language_and_read_in_that_of_its_writer() -> None:
    """A message that changed its language is read from the log, whatever its class says today."""
    codec = DispatchingCodec({"avro": named("avro", ""), "other": named("other", "other:")})
    value = Read(by="", data=b"")
    for written, language in (("avro", "avro"), ("other", "other")):
        fingerprint, data = codec.encode(shape_in(written), value)
        assert (fingerprint, data) == (codec.learn(shape_in(written)), language.encode())
        for read_as in ("avro", "other"):
            assert codec.decode(shape_in(read_as), fingerprint, data) == Read(by=language, data=data)
        assert codec.as_written(fingerprint, data) == language


def test_a_schema_is_taught_to_the_codec_of_its_language() -> None:
    """And found there."""
    codec = DispatchingCodec({"avro": named("avro", ""), "other": named("other", "other:")})
    codec.teach("0" * 16, "{}")
    codec.teach("other:" + "0" * 16, "[]")
    assert (codec.schema_text("0" * 16), codec.schema_text("other:" + "0" * 16)) == ("{}", "[]")


def test_a_codec_is_made_when_its_first_message_needs_it() -> None:
    """An app of Avro alone needs no library of another language."""
    Named.made = 0
    codec = DispatchingCodec({"avro": named("avro", ""), "other": named("other", "other:")})
    codec.learn(shape_in("avro"))
    assert Named.made == 1
    codec.learn(shape_in("other"))
    codec.encode(shape_in("other"), Read(by="", data=b""))
    assert Named.made == 2


@pytest.mark.parametrize(
    "use",
    [
        lambda codec: codec.decode(shape_in("avro"), "cobol:0000000000000000", b""),
        lambda codec: codec.as_written("cobol:0000000000000000", b""),
        lambda codec: codec.teach("cobol:0000000000000000", "{}"),
    ],
)
def test_a_language_that_is_unknown_here_is_an_unknown_schema(use: Callable[[Codec], Any]) -> None:
    """As from a newer deployment beside this one: the message waits, or is a dead letter that can be replayed."""
    with pytest.raises(UnknownSchema, match="cobol"):
        use(connect_codec())


def test_a_service_and_a_class_choose_the_language() -> None:
    """The class over its service."""
    shop = Service("shop", namespace="shop", codec="avro")

    class Sold(Event, of=shop, codec="avro"):
        id: Key[str]

    class Lost(Event, of=shop):
        id: Key[str]

    assert [contract_of(cls).shape.language for cls in (Sold, Lost)] == ["avro", "avro"]


@pytest.mark.parametrize("codec", ["cobol", "", "AVRO", 7], ids=repr)
def test_a_codec_that_does_not_exist_is_refused_where_it_is_declared(codec: Any) -> None:
    """With the names of those that do."""
    with pytest.raises(DeclarationError, match="no codec") as refused:
        Service("shop", namespace="shop", codec=codec)
    assert "'avro'" in refused.value.hint
    shop = Service("shop", namespace="shop")
    with pytest.raises(DeclarationError, match="Sold: there is no codec"):

        class Sold(Event, of=shop, codec=codec):
            id: Key[str]

    class Refused(Rejection, codec=codec):
        pass

    if codec:
        with pytest.raises(DeclarationError, match="Refused: there is no codec"):

            class Sell(Command[Event, Refused], of=shop):
                id: Key[str]


def test_a_struct_within_messages_has_no_codec_of_its_own() -> None:
    """It is written with the message."""
    with pytest.raises(DeclarationError, match="codec='avro' and no owner"):

        class Common(Event, codec="avro"):
            id: Key[str]
