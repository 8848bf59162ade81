"""Message classes of Google's `protobuf`, made of a `ProtoFile` at run time: the one file that imports that package.

No compiler runs, and no code is generated: a file becomes descriptors, and the package makes classes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from partita.schemas.protobuf.descriptor import descriptor_of
from partita.schemas.protobuf.proto_file import ProtoFile, ProtoMessage

__all__ = ["DecodeError", "Message", "message_class"]

OWN_FILE = "partita/message.proto"


def message_class(file: ProtoFile, imports: Mapping[str, ProtoFile], full_name: str) -> type[Message]:
    """The class of a message of a file. `imports` are all files that it imports, by name.

    Raises:
        TypeError: the package refuses the file.
    """
    pool = DescriptorPool()
    for name, each in (*_in_order(imports), (OWN_FILE, file)):
        pool.AddSerializedFile(descriptor_of(name, _of_values(each), imports))
    found: type[Message] = GetMessageClass(pool.FindMessageTypeByName(full_name))
    return found


def _in_order(files: Mapping[str, ProtoFile]) -> Iterable[tuple[str, ProtoFile]]:
    """Files behind those that they import; the parser refused circles."""
    done: dict[str, ProtoFile] = {}
    waiting = list(files)
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        left = [each for each in files[name].imports if each not in done]
        if left:
            waiting += [name, *left]
        else:
            done[name] = files[name]
    return done.items()


def _of_values(file: ProtoFile) -> ProtoFile:
    """A file without its parts that no value needs: an extension of options extends a message that is known by its name alone."""
    return replace(file, options=(), extensions=(), services=(), messages=tuple(map(_message_of_values, file.messages)))


def _message_of_values(message: ProtoMessage) -> ProtoMessage:
    inner = tuple(map(_message_of_values, message.messages))
    return replace(message, options=(), extensions=(), oneof_options=(), messages=inner)
