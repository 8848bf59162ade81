"""The verbs in the names of events and commands: `OrderPlaced` is the answer to `PlaceOrder`."""

from __future__ import annotations

import re

IRREGULAR = {
    "Begun": "Begin", "Bought": "Buy", "Built": "Build", "Chosen": "Choose", "Done": "Do", "Drawn": "Draw",
    "Found": "Find", "Given": "Give", "Held": "Hold", "Kept": "Keep", "Left": "Leave", "Lent": "Lend", "Lost": "Lose",
    "Made": "Make", "Met": "Meet", "Noted": "Note", "Paid": "Pay", "Put": "Put", "Read": "Read", "Sent": "Send", "Set": "Set",
    "Shipped": "Ship", "Shown": "Show", "Sold": "Sell", "Taken": "Take", "Undone": "Undo", "Voted": "Vote", 
    "Withdrawn": "Withdraw", "Written": "Write",
}  # fmt: skip
# Stems that end in `e`: `Placed` is not the past of `Plac`.
_E = re.compile(
    r"(?:[cgsuvz]|[^aeioul]l|[aiou]r|[aiu]k|[^o]ok|[^aeious]?[ai]t|let|[nuom]ot|ib|ob|[^aeo]in|im|am|om|um|ap|ip|yp|ad|[^o]id|ud|od|[^aeo]il|ul)$"
)
_PLAIN = frozenset(
    "Answer Assign Await Cancel Check Claim Clear Complain Confirm Contain Deliver Detain Discuss Draft Edit "
    "Enter Explain Fail Filter Gather Inform Limit Load Log Maintain Need Obtain Offer Open Order Pass Post Press "
    "Process Recover Register Remain Repair Report Render Reset Retain Review Send Sort Split Start Submit Train "
    "Transfer Trigger Visit Wait Claim Mail Unload Upload Download Pair Return Look Book Pack Unpack Pick Check "
    "Block Unblock Track Link Ask Mark Thank Lock Unlock Back Stock Restock Park Audit Exit Credit Debit Treat "
    "Repeat Exhibit Await Deposit Permit Quit Commit Appoint Sign Redeem Bill Fill Fulfil Install Enrol Label Model "
    "Address Access Assess Progress Suggest Request Hour Harbour Favour Monitor Answer Render Consider Chair "
    "Impair Wear Clean Learn Earn Turn Ring Bring Bang Hang Sing Belong Accrue".split()
)


OPPOSITES = {
    "Add": "Remove", "Allocate": "Deallocate", "Assign": "Unassign", "Authorise": "Void", "Authorize": "Void",
    "Block": "Unblock", "Book": "Cancel", "Borrow": "Return", "Charge": "Refund", "Collect": "Refund",
    "Decide": "Withdraw", "Approve": "Withdraw", "Dispatch": "Recall", "Grant": "Revoke", "Hold": "Release",
    "Issue": "Revoke", "Lend": "Return", "Lock": "Unlock", "Open": "Close", "Order": "Cancel", "Pay": "Refund",
    "Pick": "Restock", "Place": "Cancel", "Plan": "Cancel", "Register": "Deregister", "Reserve": "Release",
    "Schedule": "Cancel", "Screen": "Close", "Start": "Abandon", "Take": "Return", "Transfer": "Return",
}  # fmt: skip


def undo_of(command: str) -> str:
    """A command that takes another one back: `ReleaseStock` of `ReserveStock`."""
    verb, *rest = words_of(command)
    if verb in OPPOSITES:
        return OPPOSITES[verb] + "".join(rest)
    return f"Undo{command}"


def past_of(command: str) -> str:
    """The event of a command that was done: `StockReleased` of `ReleaseStock`."""
    verb, *rest = words_of(command)
    pasts = {base: past for past, base in IRREGULAR.items()}
    past = pasts.get(verb) or (
        verb[:-1] + "ied" if re.search("[^aeiou]y$", verb) else verb + "d" if verb.endswith("e") else ""
    )
    past = past or _doubled(verb) + "ed"
    return "".join(rest) + past


def not_done_of(command: str) -> str:
    """The refusal that answers the question after a timeout, where the command was not done."""
    return f"{command}NotDone"


def timer_answer_of(command: str) -> str:
    """The event that answers the command of a timer: `DecideClaimReminded` of `RemindDecideClaim`."""
    for verb, past in (("Remind", "Reminded"), ("Escalate", "Escalated")):
        if command.startswith(verb) and command != verb:
            return f"{command.removeprefix(verb)}{past}"
    return past_of(command)


def _doubled(verb: str) -> str:
    """`Ship` and `Cancel` double their last letter."""
    short = re.fullmatch("[^aeiou]*[aeiou][bdgmnprt]", verb.lower()) is not None
    return verb + verb[-1] if short or verb in ("Cancel", "Submit", "Admit", "Commit", "Refer", "Transfer") else verb


def base_of(past: str) -> str:
    """The verb of a past participle (`Placed`: `Place`); "" where the word is none."""
    if past in IRREGULAR:
        return IRREGULAR[past]
    if not past.endswith("ed") or len(past) < 4:
        return ""
    stem = past[:-2]
    if stem.endswith("i"):
        return stem[:-1] + "y"
    if stem in _PLAIN:
        return stem
    if len(stem) > 3 and stem[-1] == stem[-2] and (stem[-1] in "bdgmnprt" or stem.endswith(("ell", "roll"))):
        return stem[:-1] if not stem.endswith("Roll") else stem
    return stem + "e" if _E.search(stem) else stem


def words_of(name: str) -> list[str]:
    """The words of a name: `OrderPlaced` has two."""
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[0-9]+", name)


def command_of(event: str) -> str:
    """The command whose answer is an event: `PlaceOrder` of `OrderPlaced`; `RecordX` where no word is a participle."""
    words = words_of(event)
    verb = base_of(words[-1]) if len(words) > 1 else ""
    return verb + "".join(words[:-1]) if verb else f"Record{event}"


def sentence_of(event: str) -> str:
    """The name of an event or a command as a sentence, such as "Order placed"."""
    words = words_of(event)
    return (
        " ".join([words[0], *(word if word.isupper() and len(word) > 1 else word.lower() for word in words[1:])]) + "."
    )
