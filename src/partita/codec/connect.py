"""The one door to the codecs: picks the adapter by name, and imports only that one."""

from __future__ import annotations

from partita.codec.port import Codec


def connect_codec(name: str = "avro") -> Codec:
    """The codec of that name.

    Raises:
        ValueError: no such codec.
    """
    if name == "avro":
        from partita.codec.avro import AvroCodec

        return AvroCodec()
    raise ValueError(f"There is no codec {name!r}; there is: avro.")
