"""The pages of tasks as markup: the list, one task with its forms, and one that was answered or taken back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from partita.clock import US
from partita.observability.task_history import TaskHistory
from partita.observability.tasks import Form, OpenTask
from partita.operators.page_frame import isolated, note, text
from partita.operators.task_form import HINTS, Control, controls, parts

LIST_MAX = 200
INPUTS = {"whole": "text", "number": "text", "date": "date", "time": "time", "instant": "datetime-local"}
WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def list_page(tasks: Sequence[OpenTask], owners: Sequence[str], owner: str, root: str) -> str:
    """The open tasks, the oldest first, with a filter by owner. `root` is the address of the list."""
    chosen = "".join(
        f'<option value="{_value(each)}"{" selected" if each == owner else ""}>{text(each)}</option>' for each in owners
    )
    lines = ["<h1>Tasks</h1>"]
    if owners:
        lines.append(
            '<form class="filter" method="get"><div><label for="owner">Owner</label>'
            f'<select id="owner" name="owner"><option value="">all</option>{chosen}</select></div>'
            "<button>Show</button></form>"
        )
    if not tasks:
        lines.append(note("No task waits" + (f" for {owner}." if owner else ".")))
    items = []
    for task in tasks[:LIST_MAX]:
        whose = f"{text(task.owner)}, " if task.owner else ""
        items.append(
            f'<li><a href="{_value(root)}/{_value(task.row.reply_to)}">{isolated(task.title)}</a>'
            f'<div class="dim">{whose}since {moment(task.row.at_us)}</div></li>'
        )
    if items:
        lines.append(f'<ul class="tasks">{"".join(items)}</ul>')
    if len(tasks) > LIST_MAX:
        lines.append(f"<p>These are the oldest {LIST_MAX} of {len(tasks):,}.</p>")
    return "\n".join(lines)


def task_page(
    task: OpenTask,
    history: TaskHistory,
    token: str,
    *,
    fields: Mapping[str, Any],
    list_at: str = "",
    sent: Mapping[str, str] | None = None,
    answer: str = "",
    errors: Mapping[str, str] | None = None,
    warning: str = "",
) -> str:
    """One task with its forms. `sent` and `errors` belong to the form of `answer`, which was not accepted."""
    lines = [_back(list_at), f"<h1>{isolated(task.title)}</h1>"]
    if warning or errors:
        lines.append(note(warning or "Nothing was kept: see the marked fields.", bad=True))
    lines.append(_facts(task, history))
    if fields:
        lines.append(_values(fields))
    for form in task.forms:
        mine = form.name == answer
        lines.append(_form(form, token, sent if mine else None, (errors or {}) if mine else {}))
    return "\n".join(lines)


def closed_page(task: OpenTask, history: TaskHistory, said: str, *, list_at: str = "", late: bool = False) -> str:
    """A task that takes no answer any more, and the reason."""
    return "\n".join([_back(list_at), f"<h1>{isolated(task.title)}</h1>", note(said, bad=late), _facts(task, history)])


def failed_page(title: str, detail: str, list_at: str = "") -> str:
    """The page of a request that was not carried out."""
    return "\n".join([_back(list_at), f"<h1>{text(title)}</h1>", note(detail, bad=True)])


def moment(us: int) -> str:
    """A time for people, with its zone."""
    at = datetime.fromtimestamp(us / US, UTC)
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%Y-%m-%d %H:%M} UTC</time>'


def named(name: str) -> str:
    """The name of a class or of a field as words: `ClaimApproved` is "Claim approved"."""
    return WORD.sub(" ", name).replace("_", " ").capitalize()


def _back(list_at: str) -> str:
    return f'<p><a href="{_value(list_at)}">All tasks</a></p>' if list_at else ""


def _facts(task: OpenTask, history: TaskHistory) -> str:
    rows = [("since", moment(task.row.at_us))]
    if task.owner:
        rows.insert(0, ("for", isolated(task.owner)))
    answer = history.answer
    if answer is not None and answer.reminder is not None:
        rows.append(("next reminder", f"{text(named(answer.reminder.name))}, {moment(answer.reminder.at_us)}"))
    if answer is not None and answer.until_us:
        rows.append(("until", f"{moment(answer.until_us)}; then {text(answer.then)}"))
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    entries = "".join(
        f"<li>{moment(at_us)}: {text(kind)}{f', {text(said)}' if said else ''}</li>"
        for at_us, kind, said in history.entries
    )
    return f"<dl>{facts}</dl>" + (f'<h2>History</h2><ol class="history">{entries}</ol>' if entries else "")


def _values(fields: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{text(named(name))}</dt><dd>{isolated(_plain(value))}</dd>" for name, value in fields.items())
    return f"<h2>The question</h2><dl>{rows}</dl>"


def _plain(value: Any) -> object:
    """A value of a message for people: money as an amount, the rest as it is written."""
    if isinstance(value, Mapping) and value.keys() == {"minorUnits", "currency"}:
        return f"{value['minorUnits']} minor units of {value['currency']}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else value


def _form(form: Form, token: str, sent: Mapping[str, str] | None, errors: Mapping[str, str]) -> str:
    found = controls(form, sent, errors)
    refusal = form.contract.kind == "refusal"
    about = (form.contract.cls.__doc__ or "").strip().partition("\n")[0]
    lines = [f"<h2>{text(named(form.name))}</h2>"]
    if about:
        lines.append(f'<p class="dim">{text(about)}</p>')
    if errors.get(""):
        lines.append(note(errors[""], bad=True))
    cannot = [each for each in found if each.kind == "none"]
    if any(each.required for each in cannot):
        names = ", ".join(named(each.name) for each in cannot if each.required)
        return "\n".join(
            [
                '<section class="answer">',
                *lines,
                note(f"A page cannot take {names}: use partita task do."),
                "</section>",
            ]
        )
    lines += [_field(form, each) for each in found if each.kind != "none"]
    lines.append(
        f'<div class="field"><label for="{form.name}-audit">Note for the audit</label><small>may be empty</small>'
        f'<input id="{form.name}-audit" name="partita.reason" value="{_value((sent or {}).get("partita.reason", ""))}"></div>'
    )
    hidden = f'<input type="hidden" name="partita.token" value="{_value(token)}">' if token else ""
    verb = "Refuse" if refusal else "Answer"
    return (
        f'<form class="answer" method="post" novalidate aria-label="{_value(named(form.name))}">\n'
        + "\n".join(lines)
        + f'\n<input type="hidden" name="partita.answer" value="{_value(form.name)}">{hidden}'
        f"<button>{verb}: {text(named(form.name))}</button></form>"
    )


def _field(form: Form, control: Control) -> str:
    label, name = named(control.name), f"{form.name}-{control.name}"
    hint = ", ".join(
        filter(None, [control.about, HINTS.get(control.kind, ""), "" if control.required else "may be empty"])
    )
    hinted = f'<small id="{_value(name)}-hint">{text(hint)}</small>' if hint else ""
    error = (
        f'<span class="error" id="{_value(name)}-error" role="alert">{text(control.error)}</span>'
        if control.error
        else ""
    )
    described = " ".join(f"{name}-{each}" for each, there in (("hint", hinted), ("error", error)) if there)
    marks = (f' aria-describedby="{_value(described)}"' if described else "") + (
        ' aria-invalid="true"' if control.error else ""
    )
    marks += ' aria-required="true"' if control.required else ""
    if control.kind == "money":
        amount, currency = parts(control.name, "money")
        return (
            f"<fieldset{marks}><legend>{text(label)}</legend>{hinted}{error}"
            f'<label for="{_value(name)}-amount">Amount</label><input id="{_value(name)}-amount" name="{_value(amount)}" '
            f'inputmode="decimal" autocomplete="off" value="{_value(control.texts[0])}">'
            f'<label for="{_value(name)}-currency">Currency</label><input id="{_value(name)}-currency" '
            f'name="{_value(currency)}" maxlength="3" autocomplete="off" value="{_value(control.texts[1])}"></fieldset>'
        )
    inner = _input(control, name, marks)
    return f'<div class="field"><label for="{_value(name)}">{text(label)}</label>{hinted}{error}{inner}</div>'


def _input(control: Control, name: str, marks: str) -> str:
    present = control.texts[0]
    opened = f'id="{_value(name)}" name="{_value(control.name)}"{marks}'
    options = ("true", "false") if control.kind == "truth" else control.options
    if options:
        words = {"true": "yes", "false": "no"} if control.kind == "truth" else {}
        items = "".join(
            f'<option value="{_value(each)}"{" selected" if each == present else ""}>{text(words.get(each, each))}</option>'
            for each in options
        )
        return f'<select {opened}><option value=""></option>{items}</select>'
    if control.kind in ("list", "json") or (control.kind == "text" and ("\n" in present or len(present) > 80)):
        return f"<textarea {opened}>\n{escape(present)}</textarea>"
    kind = INPUTS.get(control.kind, "text")
    mode = {"whole": ' inputmode="numeric"', "number": ' inputmode="decimal"'}.get(control.kind, "")
    step = ' step="any"' if kind in ("datetime-local", "time") else ""
    if control.kind == "instant":
        present = present.removesuffix("Z")
    return f'<input type="{kind}" {opened}{mode}{step} autocomplete="off" value="{_value(present)}">'


def _value(value: str) -> str:
    """A text inside of quotes."""
    return escape(value, quote=True)
