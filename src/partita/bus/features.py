"""The features that a bus declares: callers require those they need, and the conformance suite runs by them.

An `enum.Flag` and not a dataclass of booleans: callers and cases name *sets* of features. With a flag a set is a value,
the missing features are one subtraction (`needed & ~has`), and a refusal can list them by name.
"""

from __future__ import annotations

from enum import Flag, auto

from partita.errors import FeatureAbsent


class Feature(Flag):
    """A promise that not every log or broker can keep. Declared, it is tested; not declared, it is not relied on.

    The promises that every bus keeps (a record is delivered to each group at least once, its bytes are unchanged, a
    refused record is refused alone) have no flag.
    """

    KEY_ORDER = auto()
    """Records of one (topic, key) are delivered to a group in the order in which they were appended."""
    PARTITIONS = auto()
    """A topic has as many partitions as were declared, a key stays in one, and the members of a group share them."""
    OFFSETS = auto()
    """A record has an offset that grows within its partition, so that offsets can be compared."""
    DENSE_OFFSETS = auto()
    """Offsets of a partition have no gaps, so that a subtraction counts records."""
    REPLAY = auto()
    """Records stay after they were handled, until their retention ends: a group can be reset or rewound, a new group
    begins at the oldest record, and people can read the history."""
    LAG = auto()
    """The bus reports how far each group is behind."""
    FENCING = auto()
    """`append` refuses an older epoch. Where it does not, a relay that was paused appends copies of records that its
    successor has appended; receivers drop them by id and by the number of their key."""


NAMES = {
    Feature.KEY_ORDER: "order per key",
    Feature.PARTITIONS: "partitions",
    Feature.OFFSETS: "comparable offsets",
    Feature.DENSE_OFFSETS: "offsets without gaps",
    Feature.REPLAY: "replay",
    Feature.LAG: "lag",
    Feature.FENCING: "fencing of appends",
}
NONE = Feature(0)


def named(features: Feature) -> str:
    """Features for people: "replay, lag"."""
    return ", ".join(name for feature, name in NAMES.items() if feature in features)


def require(has: Feature, needed: Feature, purpose: str) -> None:
    """Refuse a purpose if the bus lacks a feature for it; called before anything is changed.

    Raises:
        FeatureAbsent: names the missing features.
    """
    missing = needed & ~has
    if missing:
        raise FeatureAbsent(
            f"{purpose} needs a bus with {named(needed)}; this bus lacks {named(missing)}. Nothing was done.",
            hint="PARTITA_BUS names the bus: the embedded log, PostgreSQL and Kafka have "
            f"{named(needed & ~Feature.FENCING & ~Feature.DENSE_OFFSETS) or 'other features'}.",
        )
