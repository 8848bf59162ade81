"""`Unframed`: values of other programs whose frame is broken or missing. Each is refused with the reason."""

from __future__ import annotations

import msgspec

from partita.errors import DeclarationError
from partita.schemas.confluent.registered_name import broken_frame
from partita.schemas.fields.shape import Shape


class Unframed:
    """See `partita.codec.port.Codec`. No message is declared in this language, and no schema helps to read it."""

    def learn(self, shape: Shape) -> str:
        """Refuse: it is no language of a message."""
        raise DeclarationError(f"{shape.name} cannot be written without a schema.")

    def schema_text(self, fingerprint: str) -> str | None:
        """There is none."""
        return None

    def teach(self, fingerprint: str, text: str) -> None:
        """Do nothing."""

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        """Refuse."""
        raise DeclarationError(f"{shape.name} cannot be written without a schema.")

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        """Refuse, with the reason."""
        raise broken_frame(fingerprint, data)

    def as_written(self, fingerprint: str, data: bytes) -> object:
        """Refuse, with the reason."""
        raise broken_frame(fingerprint, data)
