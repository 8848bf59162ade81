"""A file has one text, which is read as the same file."""

from __future__ import annotations

from random import Random

import pytest

from partita import Service
from partita.catalog.contract import contract_of
from partita.schemas.protobuf.derivation import fingerprint, proto_file
from partita.schemas.protobuf.numbers import Numbers
from partita.schemas.protobuf.parsing import parse
from partita.schemas.protobuf.printing import printed
from partita.testing.generators.declarations import message_class

CASES = 200
FOREIGN = """\
syntax = "proto2";

package a.google;

import public "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";

option java_package = "a.b";

// A kind.
enum Kind {
  option allow_alias = true;

  reserved -3, 7 to max;
  reserved "OLD";

  NONE = 0;
  ZERO = 0 [deprecated = true];
  ONE = 1;
}

// A message.
//
// In two parts.
message Outer {
  option deprecated = true;

  reserved 2, 15, 9 to 11;
  reserved "bar", "foo";

  extensions 100 to 199, 1000 to max;

  enum Kind {
    FIRST = 1;
  }

  message Outer {
    // Of the inner one.
    required google.Outer outer = 1;
    optional Kind kind = 2;
    optional google.Kind other = 3 [default = ONE];
  }

  // When.
  optional .google.protobuf.Timestamp at = 1;
  repeated int32 numbers = 3 [json_name = "n", packed = true];
  oneof choice {
    option deprecated = true;
    string text = 4;
    .google.protobuf.Duration taken = 5;
  }
  map<string, Outer> by = 6;

  extend google.Outer {
    optional string more = 100;
  }
}

extend Outer {
  optional Kind kind = 101;
}

service Desk {
  option deprecated = true;

  rpc Ask(Outer) returns (stream Outer.Outer);
  rpc Tell(stream Outer) returns (Outer) {
    option deprecated = true;
  }
}
"""


def test_what_a_file_can_have_is_written_as_it_is_read() -> None:
    """Types by the shortest name that means them: an inner message may have the name of an outer one, or of a package."""
    file = parse(FOREIGN)
    again = printed(file)
    assert parse(again) == file
    assert printed(parse(again)) == again
    assert {line.strip() for line in FOREIGN.splitlines()} - {line.strip() for line in again.splitlines()} == {
        "reserved 2, 15, 9 to 11;",
    }
    assert "  reserved 2, 9 to 11, 15;\n" in again


@pytest.mark.parametrize("seed", range(0, CASES, 20))
def test_a_derived_file_is_read_as_it_was_derived(seed: int) -> None:
    """The text is what a registry keeps, and what a reader has of the writer."""
    for number in range(seed, seed + 20):
        cls = message_class(Service("gen", namespace="gen.made"), Random(number), "Made")
        file = proto_file(contract_of(cls).shape, Numbers())
        text = printed(file)
        assert parse(text) == file and printed(parse(text)) == text
        assert fingerprint(parse(text)) == fingerprint(file)
