"""Protobuf's rules beside two of other projects: buf's breaking rules, and Google's `protobuf`, which reads what it wrote."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.oracles.class_pairs import settle
from tests.oracles.proto_pairs import Pairs
from tests.oracles.proto_values import reads_equal, value_of

from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.protobuf import ProtobufRules
from partita.schemas.protobuf.printing import printed
from partita.schemas.protobuf.proto_file import ProtoFile

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(900)]
pytest.importorskip("google.protobuf", reason="no protobuf here; to have it: make .venv/oracles.ok")

PAIRS = 500
SEED = 15
VALUES = 2_000
CLASS_PAIRS = 100
TRIES = 1_500


def tool(name: str) -> str:
    """A program that is installed beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"no {name} here; to have it: make .venv/oracles.ok")
    return found


class Pair(NamedTuple):
    """A pair with its files and its texts."""

    name: str
    files: tuple[ProtoFile, ProtoFile]
    texts: tuple[str, str]

    def findings(self, *, json: bool = False) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """Backward (the new file reads), and forward."""
        old, new = self.texts
        rules = ProtobufRules(json=json)
        return rules.compare(new, old), rules.compare(old, new)


@cache
def pairs() -> list[Pair]:
    source = Pairs(random.Random(SEED))
    found = []
    for number in range(PAIRS):
        files = source.pair()
        found.append(Pair(f"p{number}", files, (printed(files[0]), printed(files[1]))))
    return found


def written(folder: Path) -> None:
    """The files of all pairs in two folders, as two versions of one module."""
    for side in (0, 1):
        there = folder / ("old", "new")[side]
        there.mkdir()
        for pair in pairs():
            (there / f"{pair.name}.proto").write_text(pair.texts[side])


# buf refuses, and we do not: by the rule, with the reason of evolving-a-schema.md.
PASSES_HERE = {
    "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED": "no value is misread; a number that is given away again is found",
    "FIELD_NO_DELETE_UNLESS_NAME_RESERVED": "no value is misread; a name that is given away again is found",
    "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED": "an open enum keeps the number",
    "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED": "no field has the enum",
    "ENUM_VALUE_SAME_NAME": "no field has the enum",
    "FIELD_SAME_NAME": "in JSON a name is the one of json_name",
    "RESERVED_MESSAGE_NO_DELETE": "a reservation is no value",
    "RESERVED_ENUM_NO_DELETE": "a reservation is no value",
    "FIELD_SAME_ONEOF": "a field alone may enter or leave a oneof",
    "FIELD_WIRE_COMPATIBLE_TYPE": "an enum is a number on the wire, a message has its fields there and no name",
    "FIELD_WIRE_JSON_COMPATIBLE_TYPE": "a message has its fields and no name; JSON's numbers may be texts",
    "FIELD_WIRE_COMPATIBLE_CARDINALITY": "one value is read as a list of it",
    "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY": "one value is read as a list of it",
}
# We refuse, and buf does not.
REFUSED_HERE = {
    "number-narrowed": "the number is cut off",
    "bytes-read-as-text": "compatible as long as the bytes are valid UTF-8",
    "oneof-field-missing": "the oneof seems empty (buf sees the deletion, where it is not reserved)",
    "enum-value-renumbered": "the name means another value",
    "enum-value-unknown": "a closed enum drops the number",
    "message-missing": "in buf a rule of the category PACKAGE",
    "default-changed": "in buf a rule of the category PACKAGE",
    "list-read-as-one": "",
    "enum-value-renamed": "a name that is reserved is not read",
    "json-form-changed": "JSON's truth values are no numbers",
    "json-name-moved": "JSON's name is another field's",
}


@pytest.mark.parametrize("category", ["WIRE", "WIRE_JSON"])
def test_buf_agrees_or_the_difference_is_listed(category: str, tmp_path: Path) -> None:
    """Both directions here, since buf has one verdict for both."""
    written(tmp_path)
    for side in ("old", "new"):
        (tmp_path / side / "buf.yaml").write_text(f"version: v1\nbreaking:\n  use: [{category}]\n")
    done = subprocess.run(
        [tool("buf"), "breaking", "new", "--against", "old", "--error-format", "json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 100, done.stderr
    theirs: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        found = json.loads(line)
        assert found["type"] != "COMPILE", found
        theirs.setdefault(Path(found["path"]).stem, set()).add(found["type"])
    count: Counter[str] = Counter()
    for pair in pairs():
        backward, forward = pair.findings(json=category == "WIRE_JSON")
        # buf does not look at the keys and values of a map.
        ours = {f"{f.rule} in a map" if "{" in f.path else f.rule for f in (*backward, *forward)}
        buf = theirs.get(pair.name, set())
        count["agree" if bool(ours) == bool(buf) else "only buf" if buf else "only ours"] += 1
        if buf and not ours:
            assert buf <= PASSES_HERE.keys(), (buf - PASSES_HERE.keys(), *pair.texts)
            count.update(f"passes here: {rule}" for rule in buf)
        if ours and not buf:
            listed = {rule for rule in ours if rule.removesuffix(" in a map") != rule or rule in REFUSED_HERE}
            assert ours <= listed, (ours - listed, *pair.texts)
            count.update(f"refused here: {rule}" for rule in ours)
    print(json.dumps(dict(sorted(count.items())), indent=1))
    assert count["agree"] >= PAIRS * 0.6


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, int], Any]:
    """The message classes of each file, by the pair's name and the side, from descriptors that protoc made."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    folder = tmp_path_factory.mktemp("protos")
    written(folder)
    found: dict[tuple[str, int], Any] = {}
    for side, name in enumerate(("old", "new")):
        target = folder / f"{name}.bin"
        files = [f"{pair.name}.proto" for pair in pairs()]
        subprocess.run(
            [tool("protoc"), f"--proto_path={folder / name}", f"--descriptor_set_out={target}", *files],
            check=True, timeout=300, capture_output=True,
        )  # fmt: skip
        held = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
        for file in held.file:
            pool = descriptor_pool.DescriptorPool()
            pool.Add(file)
            descriptors = [pool.FindMessageTypeByName(f"{file.package}.{each.name}") for each in file.message_type]
            found[Path(file.name).stem, side] = {
                each.full_name: message_factory.GetMessageClass(each) for each in descriptors
            }
    return found


def test_what_passes_is_read_equal_and_what_is_refused_is_not(classes: Mapping[tuple[str, int], Any]) -> None:
    """Each value of a pair that passes is read equal; for a pair that is refused, a value is found that is not."""
    dice = random.Random(SEED)
    count: Counter[str] = Counter()
    unsettled: list[Any] = []
    for pair in pairs():
        backward, forward = pair.findings()
        for found, reader_side, writer_side in ((backward, 1, 0), (forward, 0, 1)):
            writers, readers = classes[pair.name, writer_side], classes[pair.name, reader_side]
            first = next(iter(writers))
            if not found:
                count["pass"] += 1
                for n in range(VALUES):
                    value = value_of(writers[first], dice, (0.3, 0.7, 1.0)[n % 3])
                    count["values"] += 1
                    assert reads_equal(value, readers[first]), "\n".join(
                        (pair.texts[writer_side], pair.texts[reader_side], str(value))
                    )
                continue
            count["refused"] += 1
            if any(f.rule in ("package-changed", "message-missing") for f in found):
                # A reader looks a message up by its full name.
                assert writers.keys() - readers.keys()
            elif not any(clashes(writers, readers, name, dice) for name in writers if name in readers):
                unsettled.append((found, pair.texts[writer_side], pair.texts[reader_side]))
    print(dict(count), len(unsettled))
    assert unsettled == []
    assert count["values"] == count["pass"] * VALUES
    assert min(count["pass"], count["refused"]) >= PAIRS / 4


def test_what_passes_for_classes_is_read_equal_by_our_codec_and_what_is_refused_is_not(tmp_path: Path) -> None:
    """The same for pairs of message classes, which refuse more than the wire does, and know enums, unions and kinds of texts."""
    count = settle(tmp_path, CLASS_PAIRS, values=VALUES, tries=TRIES)
    assert count["values"] == count["pass"] * VALUES
    assert min(count["pass"], count["refused"]) >= CLASS_PAIRS / 2


def clashes(writers: Any, readers: Any, name: str, dice: random.Random) -> bool:
    """Whether a value of a message is found that is read as another one."""
    return any(
        not reads_equal(value_of(writers[name], dice, (0.0, 0.2, 0.5, 1.0)[n % 4]), readers[name]) for n in range(TRIES)
    )


def test_the_parser_and_protoc_agree_on_what_is_a_file(tmp_path: Path) -> None:
    """Words of sound files, left out, written twice or changed by dice: where protoc takes a file, it is read here, too."""
    from partita.errors import UnknownSchema
    from partita.schemas.protobuf.parsing import parse

    dice = random.Random(SEED)
    words = [word for pair in pairs()[:40] for word in pair.texts[0].split()]
    count: Counter[tuple[bool, bool]] = Counter()
    for pair in pairs()[:250]:
        parts = pair.texts[0].split(" ")
        place = dice.randrange(len(parts))
        match dice.randrange(3):
            case 0:
                del parts[place]
            case 1:
                parts.insert(place, parts[place])
            case _:
                parts[place] = dice.choice(words)
        text = " ".join(parts)
        (tmp_path / "a.proto").write_text(text)
        done = subprocess.run(
            [tool("protoc"), f"--proto_path={tmp_path}", "--descriptor_set_out=/dev/null", "a.proto"],
            cwd=tmp_path, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        try:
            parse(text)
            reads = True
        except UnknownSchema:
            reads = False
        count[done.returncode == 0, reads] += 1
        assert reads or done.returncode != 0, text
        if reads and done.returncode != 0:
            assert any(each in done.stderr.decode() for each in LENIENT), (done.stderr.decode(), text)
    print(count)
    assert count[True, True] > 10 and count[False, False] > 50


LENIENT = ()
"""Texts of protoc's refusals of files that are read here."""
