"""Small briefs for tests: one without a fault, and ways to change one line of it."""

from __future__ import annotations

SMALL = """\
design: 1
domain: table-booking
purpose: Give each guest one table.
namespace: bistro
load: {bookings_per_hour: {steady: 360, peak: 720, begins: TableRequested}, retention: 30d}
producers:
  booking-service: {team: front, owns: [Booking], db: postgres}
consumers:
  table-service: {team: floor, owns: [Table], db: postgres}
  deposit-service: {team: money, owns: [Deposit], db: postgres}
  guest-mail: {team: crm, db: postgres}
  host-board: {team: front, kind: projection, db: postgres}
events:
  TableRequested: {by: booking-service, key: booking_id, data: {booking_id: id, guests: int, deposit: money}}
  TableBooked: {by: booking-service, key: booking_id, data: {booking_id: id}}
  BookingCancelled: {by: booking-service, key: booking_id, data: {booking_id: id, reason: string}}
  TableHeld: {by: table-service, key: booking_id, data: {booking_id: id, table_no: int}}
  HouseFull: {by: table-service, key: booking_id, data: {booking_id: id}}
  TableFreed: {by: table-service, key: booking_id, data: {booking_id: id}}
  DepositTaken: {by: deposit-service, key: booking_id, data: {booking_id: id, deposit: money}}
  DepositRefused: {by: deposit-service, key: booking_id, data: {booking_id: id, reason: string}}
  DepositReturned: {by: deposit-service, key: booking_id, data: {booking_id: id}}
flows:
  BookTable:
    style: orchestration
    why: a table and a deposit are both taken or both given back
    start: TableRequested
    deadline: 10m
    steps:
      - {do: HoldTable, at: table-service, ok: TableHeld, fail: HouseFull, undo: FreeTable, undone: TableFreed, timeout: 30s}
      - {do: TakeDeposit, at: deposit-service, ok: DepositTaken, fail: DepositRefused, undo: ReturnDeposit, undone: DepositReturned, pivot: true, timeout: 60s}
      - {do: ConfirmBooking, at: booking-service, ok: TableBooked, retriable: true, timeout: 30s}
    failed: BookingCancelled
  After:
    style: choreography
    why: nobody waits for a mail
    reacts:
      - {when: [TableBooked, BookingCancelled], who: guest-mail, does: write to the guest}
      - {when: [TableRequested, TableBooked], who: host-board, does: project tonight}
storage: {Booking: event-sourced, Table: crud, Deposit: event-sourced}
consistency:
  - {rule: a deposit is taken at most once, kind: exactly-once-effect, key: booking_id, window: 24h}
  - {rule: held tables equal open and confirmed bookings, kind: invariant, across: [Booking, Table]}
  - {rule: tonight is at most 5 s behind, kind: staleness, read: tonight, max: 5s}
failure: {retry_topics: [1m, 5m, 30m], then: dead-letter, alert: team, window: 24h}
compatibility: BACKWARD_TRANSITIVE
bus: {use: kafka, partitions: 12, replication: 3}
"""
"""A brief without a fault."""


def with_change(old: str, new: str) -> str:
    """The small brief with one change of its text."""
    assert SMALL.count(old) == 1, f"{old!r} is {SMALL.count(old)} times in the brief"
    return SMALL.replace(old, new)


def with_line(after: str, line: str) -> str:
    """The small brief with one more line after the line that begins with `after`."""
    assert SMALL.count(f"\n{after}") == 1, f"{after!r} begins {SMALL.count(f'{chr(10)}{after}')} lines"
    head, _, tail = SMALL.partition(f"\n{after}")
    rest, _, more = tail.partition("\n")
    return f"{head}\n{after}{rest}\n{line}\n{more}"
