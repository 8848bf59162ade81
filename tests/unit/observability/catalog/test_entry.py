"""The catalog has each message with its meaning, its parties, its fields and its versions, and a search finds it."""

from __future__ import annotations

from typing import Annotated, Any, NewType

import msgspec
import pytest

from partita import App, Command, Event, Key, Rejection, Saga, Service, Since, minutes, retriable
from partita.catalog.contract import contract_of
from partita.errors import NotFound
from partita.observability.catalog.entry import Entry, entries, entry_named
from partita.observability.catalog.search import search
from partita.schemas import PII, Alias, Subject
from partita.schemas.languages import schema_of
from partita.schemas.revisions import Revision

GuestId = NewType("GuestId", str)


def hotel() -> App:
    desk = Service("desk", namespace="hotel.desk", team="front")
    keys = Service("keys", namespace="hotel.keys")

    class RoomBooked(Event, of=desk):
        """A guest has a room.

        More than one sentence is for the code.
        """

        booking: Annotated[Key[str], msgspec.Meta(description="the number on the receipt")]
        guest: Annotated[GuestId, Subject]
        email: Annotated[str | None, PII, Alias("mail")] = None
        floor: Annotated[int, Since(2)] = 0

    class RoomBookedTwice(Event, of=desk, version=2, name="RoomBooked"):
        booking: Key[str]

    class CardMade(Event, of=keys):
        booking: Key[GuestId]

    class NoCards(Rejection):
        """The drawer is empty."""

        drawer: str

    class MakeCard(Command[CardMade, NoCards], of=keys):
        booking: Key[str]

    class SendCard(Command[CardMade], of=keys, concerns="human"):
        booking: Key[str]

    class Arrival(Saga, start=RoomBooked, deadline=minutes(5), of=desk):
        card = retriable(SendCard)

    @keys.handles(MakeCard)
    async def make(cmd: MakeCard) -> CardMade:
        return CardMade(booking=GuestId(cmd.booking))

    @keys.handles(SendCard)
    async def send(cmd: SendCard) -> CardMade:
        return CardMade(booking=GuestId(cmd.booking))

    @desk.on(sends=MakeCard)
    async def greet(event: RoomBooked) -> None: ...

    @keys.on
    async def heard(event: RoomBookedTwice) -> None: ...

    return App(desk, keys)


@pytest.fixture(scope="module")
def app() -> App:
    return hotel()


def parties(entry: Entry) -> tuple[list[str], list[str]]:
    return (
        [f"{by.name} of {by.service}" for by in entry.producers],
        [f"{each.service}: {', '.join(each.handlers + each.sagas)}" for each in entry.consumers],
    )


def test_an_event_has_its_meaning_key_fields_and_marks(app: App) -> None:
    found = entry_named(app, "hotel.desk.v1.RoomBooked")
    assert found.meaning == "A guest has a room." and (found.owner, found.team) == ("desk", "front")
    assert (found.key, found.key_meaning) == ("booking", "the number on the receipt")
    assert (found.version, found.revision, found.format, found.kept) == (1, 2, "avro", "7d")
    assert [(f.name, f.marks, f.since) for f in found.fields] == [
        ("booking", "key", 1),
        ("guest", "subject", 1),
        ("email", "PII, was mail", 1),
        ("floor", "", 2),
    ]
    assert found.personal == ("email",)


def test_a_named_type_is_the_meaning_of_a_key(app: App) -> None:
    assert entry_named(app, "CardMade").key_meaning == "GuestId"
    assert entry_named(app, "MakeCard").key_meaning == ""


def test_parties_of_events_commands_and_refusals(app: App) -> None:
    """Commands of a saga, and those that a handler declares by `sends=`."""
    assert parties(entry_named(app, "hotel.desk.v1.RoomBooked")) == ([], ["desk: greet, Arrival"])
    assert parties(entry_named(app, "MakeCard")) == (["greet of desk"], ["keys: make"])
    assert parties(entry_named(app, "SendCard")) == (["Arrival of desk"], ["keys: send"])
    assert parties(entry_named(app, "CardMade")) == (["make of keys", "send of keys"], ["desk: Arrival"])
    assert parties(entry_named(app, "NoCards")) == (["make of keys"], [])
    assert entry_named(app, "CardMade").answers == ("hotel.keys.v1.MakeCard", "hotel.keys.v1.SendCard")
    assert entry_named(app, "MakeCard").refusals == ("hotel.keys.v1.NoCards",)


def test_versions_show_their_readers_and_their_files(app: App) -> None:
    """The two versions of one name, the revisions of each, and a file with a schema that the class does not know."""
    contract = app.catalog.contracts["hotel.desk.v1.RoomBooked"]
    first = Revision(contract.full_name, 1, "avro", schema_of(contract.shape, None, 1))
    odd = Revision(contract.full_name, 2, "avro", schema_of(app.catalog.contracts["hotel.keys.v1.CardMade"].shape))
    found = entry_named(app, "RoomBooked", [first, odd])
    assert found.version == 2
    assert [(v.version, v.revision, v.adds, v.file, v.readers) for v in found.versions] == [
        (1, 1, (), "hotel.desk.v1.RoomBooked/1.avsc", ("desk",)),
        (1, 2, ("floor",), "", ("desk",)),
        (1, None, (), "hotel.desk.v1.RoomBooked/2.avsc", ("desk",)),
        (2, 1, (), "", ("keys",)),
    ]


def test_names_are_found_in_any_case_and_near_ones_are_named(app: App) -> None:
    assert entry_named(app, "roombooked").type == "hotel.desk.v2.RoomBooked"
    assert entry_named(app, "HOTEL.keys.V1.makecard").declared_as == "MakeCard"
    with pytest.raises(NotFound) as raised:
        entry_named(app, "makecrad")
    assert raised.value.hint == "Did you mean MakeCard?"


def test_a_name_of_two_services_is_refused_with_both_types() -> None:
    """The first of them was shown, as if there were no other."""
    one, two = Service("one", namespace="same.one"), Service("two", namespace="same.two")
    for service in (one, two):

        class Moved(Event, of=service):
            id: Key[str]

    with pytest.raises(NotFound, match="There are 2 messages 'moved'") as raised:
        entry_named(App(one, two), "moved")
    assert raised.value.hint == "Name one by its type: same.one.v1.Moved, same.two.v1.Moved."


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("room", ["RoomBooked", "RoomBookedTwice"]),
        ("FRONT desk", ["RoomBooked", "RoomBookedTwice"]),
        ("receipt", ["RoomBooked"]),
        ("pii", ["RoomBooked"]),
        ("drawer empty", ["NoCards"]),
        ("arrival", ["RoomBooked", "CardMade"]),
        ("card", ["CardMade", "NoCards", "MakeCard", "SendCard"]),
        ("nothing of this", []),
        (" ", []),
    ],
)
def test_a_search_finds_messages_that_have_all_words(app: App, words: str, names: list[str]) -> None:
    found = [match.entry.declared_as for match in search(entries(app), words)]
    assert found == names


def test_each_found_place_has_one_of_the_words(app: App) -> None:
    (match,) = search(entries(app), "receipt booking")
    assert all("receipt" in text.casefold() or "book" in text.casefold() for _, text in match.found)
    assert ("field booking", "booking Annotated[Key[str], msgspec.Meta(description='the number on the receipt')] key "
            "the number on the receipt") in match.found  # fmt: skip


def test_every_message_of_every_service_is_an_entry(app: App) -> None:
    assert [entry.type for entry in entries(app)] == [
        contract_of(cls).full_name for service in app.services for cls in service.messages.values()
    ]
    assert all(isinstance(entry.example, dict) for entry in entries(app))


def test_the_answer_is_the_same_on_each_run(app: App) -> None:
    def plain(found: Any) -> list[Any]:
        return [(e.type, e.meaning, e.fields, e.versions, e.example, e.consumers) for e in found]

    assert plain(entries(app)) == plain(entries(hotel()))
