"""The one door to the codecs: the adapter of each schema language, imported when the first message needs it."""

from __future__ import annotations

from partita.codec.dispatching import DispatchingCodec
from partita.codec.port import Codec
from partita.codec.unframed import Unframed


def connect_codec() -> Codec:
    """A codec of all languages: each message is written in its own, and read in that of its writer."""
    return DispatchingCodec({"avro": _avro, "json": _json, "protobuf": _protobuf, "unframed": Unframed})


def _avro() -> Codec:
    from partita.codec.avro import AvroCodec

    return AvroCodec()


def _json() -> Codec:
    from partita.codec.json import JsonCodec

    return JsonCodec()


def _protobuf() -> Codec:
    from partita.codec.protobuf import ProtobufCodec

    return ProtobufCodec()
