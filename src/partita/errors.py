"""Every error Partita raises: one tree. Each has a code, a text of the event and a hint.

PartitaError
  DeclarationError      a declaration is refused at import (names file and line)
  SettingsError         a setting, flag or folder is wrong
    AppBroken           the app's module raised when it was imported
  StoreError
    StoreUnavailable    disk full, locked, read-only, gone: nothing was written, try again
      StoreContended    another transaction was in the way: rolled back, run again automatically
      StoreRefused      the server does not take this user
    StoreCorrupt        the file is damaged or is not a database: refused, untouched
    StoreMismatch       another project's folder, or a newer Partita wrote it
      StoreReplaced     another database answers than the opened one: this process must end
    MigrationPending    the schema is an older one, and this start applies no migrations
  BusError
    BusUnavailable      the log or broker cannot be reached now
      BusRefused        the bus refuses this user: wrong credentials or certificates
      RegistryUnavailable   the schema registry cannot be reached now, or does not answer as one
    RegistryRefused     the schema registry refuses a schema: incompatible, or no schema
    FeatureAbsent       the bus does not have a required feature
    PositionRefused     a position of another log, or one whose records were deleted
    MessageTooLarge     refused at emit, in the sender's transaction
  Fenced                another process took over: this process must stop writing
  Malformed             bytes that cannot be decoded within the limits
  UnknownSchema         the writer's schema is not known here
  UnknownType           a message for this service, of a type that this version of it does not know
  Conflict              the same id or idempotency key came with another content, or another answer came first
    Overtaken           a message came after later ones of its key were handled, or an answer after the undo of its step
  Pending               no failure: a command was handled, and its answer comes later
  TokenRefused          a token for an answer is forged, changed or expired
  Expired               so old that it may have been handled and forgotten
  OverTime              a handler did not end within the timeout it declares: a failed try
  WebhookFailed         the target of a webhook did not take the event
  WebhookUnreached      it gave no answer, or none in time
  WebhookRefused        a webhook may not send to this URL or this address
  WebhookGone           the target of a webhook wants no more events
  NotFound              the requested object does not exist
  NoTransaction         there is no open transaction, or a handler's tx is used after its end
  WithinHandler         a handler asks for work that waits for its own end, or that each of its tries would repeat
"""

from __future__ import annotations


class PartitaError(Exception):
    """Base of all errors: `str()` gives the event and the hint; `what` and `hint` give each alone.

    `retryable` errors are the world's (disk, lock, network): they count against no message.
    """

    code = "PTA-0000"
    exit_code = 1
    retryable = False

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint

    @property
    def what(self) -> str:
        """The event without the remedy."""
        return super().__str__()

    def __str__(self) -> str:
        return f"{self.what}\n  {self.hint}" if self.hint else self.what


class DeclarationError(PartitaError):
    """A declaration that cannot work is refused when the module is imported."""

    code = "PTA-0100"
    exit_code = 2


class SettingsError(PartitaError):
    """A setting, flag, address or folder that cannot be used."""

    code = "PTA-0200"
    exit_code = 2


class AppBroken(SettingsError):
    """The module of the app raised an error at its import. The cause is in it, or in a module that it imports."""

    code = "PTA-0201"


class StoreError(PartitaError):
    """The database refused or failed."""

    code = "PTA-0300"


class StoreUnavailable(StoreError):
    """The database cannot write now. Nothing of the transaction was kept, unless the connection was lost during its commit:
    then all of it may be kept, and a new run under the same ids finds that out."""

    code = "PTA-0301"
    exit_code = 6
    retryable = True


class StoreContended(StoreUnavailable):
    """Another transaction was in the way, and this one was rolled back. A new run will mostly succeed."""

    code = "PTA-0304"


class StoreRefused(StoreUnavailable):
    """The server answers, and refuses this user or the password."""

    code = "PTA-0307"


class TransactionEnded(StoreError):
    """The database ended a transaction that was idle for too long, and nothing of it was kept. The database itself works: the
    handler whose code ran so long within it fails."""

    code = "PTA-0308"


class ProcessDied(PartitaError):
    """The process died repeatedly while it had this message in hand."""

    code = "PTA-0603"


class StoodStill(PartitaError):
    """The handler held its process up for so long that another member took the message, repeatedly."""

    code = "PTA-0606"


class StoreCorrupt(StoreError):
    """The database file is damaged; it was not touched."""

    code = "PTA-0302"
    exit_code = 6


class StoreMismatch(StoreError):
    """The database belongs to another service or to a newer Partita; it was not touched."""

    code = "PTA-0303"
    exit_code = 5


class StoreReplaced(StoreMismatch):
    """Another database answers than the one that this process opened: restored from a copy, or promoted. No message is at
    fault. The memory of this process belongs to the former database, so the process must be started again."""

    code = "PTA-0306"
    retryable = True


class MigrationPending(StoreError):
    """The schema is older than this Partita needs, and `PARTITA_MIGRATE=off` leaves it to an operator; it was not touched."""

    code = "PTA-0305"
    exit_code = 5


class BusError(PartitaError):
    """The bus refused or failed."""

    code = "PTA-0400"


class BusUnavailable(BusError):
    """The log or broker cannot be reached now; nothing was acknowledged."""

    code = "PTA-0401"
    exit_code = 6
    retryable = True


class BusRefused(BusUnavailable):
    """The bus answers and refuses this user, or its certificate is not trusted. A running process tries again, since both can be
    repaired on the bus; a start is refused."""

    code = "PTA-0403"
    exit_code = 2


class RegistryUnavailable(BusUnavailable):
    """The schema registry cannot be reached now, fails, or does not answer as a registry. No message is at fault: work that needs
    it is tried again."""

    code = "PTA-0406"


class RegistryRefused(BusError):
    """The schema registry refuses a request: the schema is incompatible with earlier versions, or is none of its language, or the
    registry is read-only. `error_code` is the protocol's."""

    code = "PTA-0407"
    exit_code = 5

    def __init__(self, what: str, *, error_code: int, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.error_code = error_code


class FeatureAbsent(BusError):
    """The bus does not have a required feature, as replay or lag; nothing was changed."""

    code = "PTA-0404"
    exit_code = 5


class PositionRefused(BusError):
    """A position cannot be read from: it is of another log or partition, or the records behind it were deleted."""

    code = "PTA-0405"
    exit_code = 5


class MessageTooLarge(BusError):
    """The message is over the limit; it was refused in the sender's own transaction."""

    code = "PTA-0402"


class Fenced(PartitaError):
    """Another process has taken over this one's work; its transaction was rolled back."""

    code = "PTA-0500"
    retryable = True


class Malformed(PartitaError):
    """Bytes that cannot be decoded within the limits; they are kept raw."""

    code = "PTA-0600"


class UpcastFailed(Malformed):
    """The upcaster of an old message raised, or made no valid message of it; the old bytes are kept."""

    code = "PTA-0609"


class UnknownSchema(PartitaError):
    """Neither this process nor the bus knows the schema of these bytes; `schema` is its fingerprint."""

    code = "PTA-0601"

    def __init__(self, what: str, *, schema: str, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.schema = schema


class UnknownType(PartitaError):
    """A message for this service, of a type that this version of it does not handle: a newer version already sends it."""

    code = "PTA-0605"


class Conflict(PartitaError):
    """The same id or idempotency key was used before with another content, or a command has another answer already."""

    code = "PTA-0700"
    exit_code = 5


class Overtaken(Conflict):
    """A message came after later ones of its key were handled, and it is not a copy. To handle it now would break their
    order. Or an answer came after the saga had undone the step that it answers."""

    code = "PTA-0604"


class Pending(PartitaError):
    """A command was handled and its answer comes later: no failure. The command is kept; `reply_to` is the id under which it is
    answered."""

    code = "PTA-0702"
    exit_code = 5

    def __init__(self, what: str, *, reply_to: str, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.reply_to = reply_to


class TokenRefused(PartitaError):
    """A token does not allow an answer: it was changed or forged, its time is over, or its secret is not in use any more."""

    code = "PTA-0703"
    exit_code = 5


class Expired(PartitaError):
    """A message is so old, or its idempotency key was used so long ago, that its outcome is no longer known: it is not
    handled a second time."""

    code = "PTA-0701"
    exit_code = 5


class OverTime(PartitaError):
    """A handler did not end within its `timeout=`. It is a failed try of its message."""

    code = "PTA-0608"


class NotFound(PartitaError):
    """The requested object does not exist."""

    code = "PTA-0800"
    exit_code = 4


class NoTransaction(PartitaError):
    """There is no open transaction: a message cannot leave with the given object, or a handler's `tx` is used when its
    handler does not run."""

    code = "PTA-0900"
    exit_code = 2


class WithinHandler(PartitaError):
    """A handler asks for work that cannot end before the handler does, or that each of its tries would repeat: nothing was
    sent."""

    code = "PTA-0901"
    exit_code = 2


class WebhookFailed(PartitaError):
    """The target did not take the event. It is sent again after each delay, then it is a dead letter."""

    code = "PTA-1000"

    def __init__(self, what: str, *, wait_s: float = 0.0, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.wait_s = wait_s


class WebhookUnreached(PartitaError):
    """There was no answer of HTTP: no connection, none in time, or other bytes. The target may have taken the event."""

    code = "PTA-1003"


class WebhookRefused(PartitaError):
    """The event may not be sent to this target: its URL or its address is not allowed. Nothing was sent."""

    code = "PTA-1001"


class WebhookGone(PartitaError):
    """The target answered 410: it wants no more events. Its events are dead letters until it takes some again."""

    code = "PTA-1002"
