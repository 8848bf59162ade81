"""Numbers, times, loads, clauses and wishes in plain words, each by itself; and hostile words, which stay text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.design.brief.asking.amounts import times_in, with_digits
from partita.design.brief.asking.answers import ANSWER_MAX, read_answers
from partita.design.brief.asking.domain_name import domain_words
from partita.design.brief.asking.drafting import draft
from partita.design.brief.asking.party import read_parties
from partita.design.brief.asking.rates import rates_in
from partita.design.brief.asking.refused import AnswerRefused
from partita.design.brief.asking.understanding import understanding_of
from partita.design.brief.asking.wish import wishes_in
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import check
from partita.design.skeleton.names import check_names
from partita.errors import PartitaError


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("twenty thousand claims", "20000 claims"),
        ("20,000 claims", "20000 claims"),
        ("1'250'000 rows", "1250000 rows"),
        ("two hundred and fifty-six", "256"),
        ("2.5 million meters", "2500000 meters"),
        ("half a million", "500000"),
        ("3k orders", "3000 orders"),
        ("two dozen rooms", "24 rooms"),
        ("a thousand cars", "1000 cars"),
        ("events of one order", "events of one order"),
        ("one hundred", "100"),
        ("1, 5 and 30 minutes", "1, 5 and 30 minutes"),
    ],
)
def test_numbers_in_words_are_digits(text: str, digits: str) -> None:
    assert with_digits(text) == digits


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("within 20 days", ["20d"]),
        ("after 5 and 10 days", ["5d", "10d"]),
        ("after 1, 5 and 30 minutes", ["1m", "5m", "30m"]),
        ("after 10s, 1m, 1h", ["10s", "1m", "1h"]),
        ("a minute behind", ["1m"]),
        ("within an hour", ["1h"]),
        ("half an hour late", ["30m"]),
        ("for ten years", ["10y"]),
        ("three working days", ["3d"]),
        ("a 24-hour window", ["24h"]),
        ("within six months", ["180d"]),
        ("1.5 hours", ["1.5h"]),
        ("a fortnight", ["14d"]),
        ("a month is invoiced once", []),
        ("billed once a year", []),
        ("0 days", []),
        ("no time", []),
    ],
)
def test_times_are_those_of_a_brief(text: str, times: list[str]) -> None:
    """A time that an answer has is never taken for another one: a register that is a minute behind is not an hour behind."""
    assert times_in(text) == times


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("50 orders a second, 400 at the peak", [("order", "second", 50, 400)]),
        ("37 orders a second, up to 311 on Black Friday", [("order", "second", 37, 311)]),
        ("20,000 claims a day, 150,000 after a storm", [("claim", "day", 20_000, 150_000)]),
        (
            "seventeen thousand claims per day; after a storm ninety thousand claims per day",
            [("claim", "day", 17_000, 90_000)],
        ),
        ("between 5 and 40 bookings an hour", [("booking", "hour", 5, 40)]),
        ("orders: 120 per minute, 900 per minute in December", [("", "minute", 120, 900)]),
        ("300 rps", [("", "second", 300, 0)]),
        ("peak 900 orders/s, usually 60", [("order", "second", 60, 900)]),
        ("700 letters weekly", [("letter", "day", 100, 0)]),
        ("60 scans a minute, 5 scans a second at peak", [("scan", "minute", 60, 300)]),
        ("25 thousand parcels per day, three times as many before Christmas", [("parcel", "day", 25_000, 75_000)]),
        ("1,000 orders and 4,000 clicks a day", [("click", "day", 4000, 0)]),
        ("20 claims a day and 60 documents a day", [("claim", "day", 20, 0), ("document", "day", 60, 0)]),
        ("two million meters send a reading every 30 minutes", [("reading", "hour", 4_000_000, 0)]),
        ("we try three times a day", []),
        ("the answer comes within 20 seconds", []),
    ],
)
def test_loads_have_a_noun_a_unit_and_a_peak(text: str, loads: list[tuple[str, str, float, float]]) -> None:
    assert [(each.noun, each.unit, each.steady, each.peak) for each in rates_in(text)[0]] == loads


@pytest.mark.parametrize(
    ("text", "deeds"),
    [
        ("inventory-service reserves the stock and releases it", {"inventory-service": "reserve stock/release"}),
        ("garage holds a bay, frees it again, and sends a note", {"garage": "hold bay/free; send note"}),
        ("a card service, which authorises the card and voids it", {"card-service": "authorise card/void"}),
        ("mailer (a team in Porto, 3 people)", {"mailer": ""}),
        ("the vet, the lab and billing", {"vet": "", "lab": "", "billing": ""}),
        ("depot reserves a ramp and the forklift", {"depot": "reserve ramp; reserve forklift"}),
        ("The card is charged by billing.", {"billing": "charge card"}),
        ("we notify the customer", {"notification-service": "notify customer"}),
        ("boiler bakes the bread", {"boiler": "bake bread"}),
        ("billing: charges the owner, refunds him", {"billing": "charge owner/refund"}),
        ("payments gives the money back", {"payments": "return money"}),
        ("stock releases the parts", {"stock": "reserve parts/release"}),
        ("orders service ships orders", {"orders-service": "ship order"}),
        ("clerk checks the form within two days if it is long, then signs it", {"clerk": "check form; sign"}),
        ("nobody", {}),
        ("", {}),
    ],
)
def test_a_clause_belongs_to_its_service(text: str, deeds: dict[str, str]) -> None:
    parties, _ = read_parties(text, begins=False)
    found = {
        each.name: "; ".join(
            " ".join((deed.verb, *deed.thing)) + (f"/{deed.undo}" if deed.undo else "") for deed in each.deeds
        )
        for each in parties
    }
    assert found == deeds


@pytest.mark.parametrize(
    ("text", "wishes"),
    [
        ("A claim is paid at most once, ever", ["once"]),
        ("Every decision can be replayed as it was, for ten years", ["audit"]),
        (
            "Failed messages are tried again after 1, 5 and 30 minutes and then wait in a dead-letter queue with an alert",
            ["retry"],
        ),
        ("Documents may arrive in any order, which is fine", ["order"]),
        ("eventual, exactly-once effects for 24 hours, a repair is billed once", ["late", "once", "once"]),
        ("reports may be late but a ride is never charged twice", ["late", "once"]),
        ("Paid never exceeds covered", ["invariant"]),
        ("stock and orders match", ["invariant"]),
        ("erased on request", ["privacy"]),
        ("no event is lost", ["lost"]),
        ("the moon is full", [""]),
    ],
)
def test_a_sentence_is_one_wish_unless_its_parts_are_wishes(text: str, wishes: list[str]) -> None:
    found = wishes_in(text)

    assert [each.kind for each in found] == wishes
    words = re.sub(r"\W+|\b(?:and|but)\b", " ", text)
    assert re.sub(r"\W+|\b(?:and|but)\b", " ", " ".join(each.said for each in found)).split() == words.split()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Insurance claims, from the first notice of loss to a paid or refused claim", "insurance-claims"),
        ("Order processing of an online shop: some 50 orders a second", "order-processing"),
        ("Organisation of research grants", "research-grants"),
        ("We run a chain of hotels and take bookings", "hotels"),
        ("We rent out boats to tourists", "boat-rental"),
        ("This is about a hospital that books appointments", "hospital"),
        ("Our company operates a network of charging stations", "charging-stations"),
        ("Zürich's trams", "zurich-trams"),
    ],
)
def test_the_name_of_a_domain_ends_before_its_sentence(text: str, name: str) -> None:
    assert "-".join(domain_words(text)).replace("-s-", "-") == name


@pytest.mark.parametrize("name", ["app", "messages", "log", "send", "class", "streams"])
def test_a_service_with_the_name_of_a_module_is_called_a_service(name: str) -> None:
    """A project has modules of these names: it could not be built."""
    design = read_brief(draft(read_answers("car care", "desk", f"{name}, mailer", "")), "b.yaml")

    check_names(design)
    assert f"{name}-service" in {each.name for each in design.services}


def test_a_condition_without_a_place_stays_in_the_words_of_its_service() -> None:
    consumers = "garage reserves a bay near the gate unless it rains, billing charges the owner on Fridays"
    design = read_brief(draft(read_answers("car care", "desk", consumers, "")), "b.yaml")

    assert design.service("garage").doc == "garage reserves a bay near the gate unless it rains"
    assert design.service("billing").doc == "billing charges the owner on Fridays"


SUBJECTS = st.sampled_from("garage billing depot kitchen storefront registry".split())
VERBS = st.sampled_from("reserves charges notifies counts checks bakes approves releases refunds resrves".split())
THINGS = st.sampled_from(["the bay", "a fee", "the owner", "its parts", "every loan", "bread"])
TAILS = st.sampled_from(
    [
        "",
        "within 3 days",
        "on Sundays",
        "(a person)",
        "if it rains",
        "after 5 and 10 days",
        "for 15 minutes",
        "(quick; green, blue)",
    ]
)
CLAUSES = st.builds(lambda *parts: " ".join(filter(None, parts)), SUBJECTS, VERBS, THINGS, TAILS)
WISHES = st.sampled_from(
    "a fee is paid once|paid never exceeds covered|reports are 5 minutes behind|retries after 5 minutes|kept for 3 years|in any order|no message is lost"
    "|everything is strongly consistent|done within 2 days|the moon is full|personal data is erased|events are kept for 9 days|by Tuesday".split("|")
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    clauses=st.lists(CLAUSES, min_size=1, max_size=4),
    joint=st.sampled_from([", ", "; ", ". ", " and ", "\n- "]),
    wishes=st.lists(WISHES, max_size=4),
)
def test_no_word_of_an_answer_is_dropped(clauses: list[str], joint: str, wishes: list[str]) -> None:
    """A wish or a condition that is nowhere in the brief would be believed to be kept."""
    text = draft(read_answers("car care", "desk", joint.join(clauses), ". ".join(wishes)))
    words = set(re.findall(r"[a-z0-9]+", text.lower()))
    placed = {"done", "retries", "after", "within", "5", "9", "minutes", "2", "days", "are", "events", "kept", "for"}

    assert {each.rule for each in check(read_brief(text, "b.yaml")).to_mend} <= {"deadline-shorter-than-steps"}
    for clause in clauses:
        assert set(re.findall(r"[a-z0-9]+", clause.lower())) <= words, clause
    for wish in wishes:
        assert set(re.findall(r"[a-z0-9]+", wish.lower())) - placed <= words, wish


HOSTILE = (
    "<script>alert(1)</script>", "'; DROP TABLE orders; --", "&a [*a, *a]", "!!python/object:os.system", "\x1b[2J\x00\x07", "{{7*7}} ${x} %s",
    "../../etc/passwd", "# assumed\nevents: {}", "\u202egnp.exe", "a: {b: [c, 'd", "))(((((", "1,2,3,4,5," * 50, "and and , , and ; : -",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", range(4))
def test_hostile_words_are_text_in_a_brief_or_refused(text: str, place: int) -> None:
    answers = ["car care", "desk takes cars", "garage reserves a bay and releases it", "once"]
    answers[place] = f"{answers[place]} {text} works"
    try:
        drafted = draft(read_answers(*answers))
    except AnswerRefused as refused:
        assert refused.hint
        return
    design = read_brief(drafted, "b.yaml")

    assert not re.search(r"[^\n -~]", drafted) and not check(design).to_mend
    check_names(design)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", each.name) for each in design.services)


@pytest.mark.parametrize("text", ["a" * 100_000, "garage reserves a bay, " * 4_000, "1 " * 50_000, "(" * 100_000])
@pytest.mark.parametrize("place", range(4))
def test_an_answer_that_is_far_too_long_is_refused(text: str, place: int) -> None:
    answers = ["car care", "desk", "garage", "once"]
    answers[place] = text
    with pytest.raises(AnswerRefused, match="characters"):
        read_answers(*answers)


@pytest.mark.parametrize(
    "text", ["a," * 4_900, "1 order " * 1_200, "x y and " * 1_200, "(" * ANSWER_MAX, "1 " * 4_999, "every " * 1_600, "s " * 4_999]
)  # fmt: skip
def test_the_longest_answers_are_read_in_a_moment(text: str) -> None:
    """A pattern that goes back over its text again and again would hang the terminal; here each is read, or refused."""
    for place in range(4):
        answers = ["car care", "desk", "garage", "once"]
        answers[place] = text
        try:
            draft(read_answers(*answers))
        except PartitaError:
            pass


def test_the_understanding_names_each_step_and_the_words_that_are_not_understood() -> None:
    assert understanding_of("domain", "Car care: 20 cars an hour, 90 on Saturdays") == [
        "domain: car-care",
        "load: 20 cars a hour, 90 at the peak",
    ]
    assert understanding_of("producers", "desk takes cars") == ["desk: begins (take car)"]
    assert understanding_of(
        "consumers", "garage resrves a bay for 15 minutes and releases it, boss (a person, within 2 days), lab"
    ) == [
        "garage: reserve bay: a step that gives a thing, which can be given back; taken back by: release; for 15m at most; resrves is read as reserve",
        "boss: decide: a step that a person decides; within 2d",
        "lab: a step that gives a thing, which can be given back (by its name)",
    ]
    assert understanding_of("consistency", "paid once, ever. the moon is full") == [
        'an effect that happens once (for ever): "paid once, ever"',
        'not understood: a question: "the moon is full"',
    ]
