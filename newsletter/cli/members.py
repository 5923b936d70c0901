"""Commands about single people: add, remove, erase, allow; list, show, export."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.errors import CancelledError, InputError, PausedError, RefusedError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.audience import Address
    from newsletter.store import Store
    from newsletter.store.subscribers import Member

Who = Annotated[str, typer.Argument(metavar="ADDR", help="The person's mail address.")]
Consent = Annotated[
    str, typer.Option(metavar="TEXT", help="How this person agreed, for the consent log.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the group `subscribers`, in the order in which people need them."""
    for name, command in (
        ("export", export), ("list", list_), ("show", show), ("add", add), ("remove", remove),
        ("erase", erase), ("allow", allow),
    ):  # fmt: skip
        app.command(name)(command)


def export(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The new file; without it, stdout.")
    ] = "",
) -> None:
    """Write everybody as a CSV file that `import` and spreadsheets read."""
    from pathlib import Path

    from newsletter.cli.desk import given, open_desk
    from newsletter.project.git import expect_untaken
    from newsletter.project.lists import new_list, write_list
    from newsletter.store import suppressions

    with open_desk().store(create=False, read_only=True) as store:
        rows = _exported(store)
        if file:
            path = given(Path(file))
            expect_untaken(path)
            with new_list(path) as stream:
                number = write_list(stream, rows)
            result(str(path))
        else:
            number = write_list(sys.stdout, rows)
        strays = suppressions.count_strays(store)
    say(f"{plural(number, 'person', 'people')}; keep it as you keep a password")
    if strays:
        kept = plural(strays, "suppressed address is", "suppressed addresses are")
        say(f"{kept} on record as a hash only, and cannot be exported")


def list_(
    *,
    status: Annotated[
        str, typer.Option(metavar="WORD", help="Only pending, active, unsubscribed or suppressed.")
    ] = "",
    tag: Annotated[str, typer.Option(metavar="TAG", help="Only people with this tag.")] = "",
    as_json: AsJson = False,
) -> None:
    """List people, their addresses masked; -v shows them whole."""
    from newsletter.audience import Status, mask
    from newsletter.cli.desk import open_desk
    from newsletter.store import subscribers

    VOICE.json = as_json
    if status not in {"", "suppressed", *Status}:
        raise InputError(
            f'"{status}" is no status', hint="pending, active, unsubscribed or suppressed"
        )
    whole = VOICE.verbosity > 0
    chosen = Status(status) if status in set(Status) else None
    with open_desk().store(create=False, read_only=True) as store:
        found = subscribers.each(store, status=chosen, tag=tag)
        rows = [
            (
                one.email if whole else mask(one.email),
                one.suppression or one.status.value,
                " ".join(sorted(one.tags)),
                f"{one.created_at:%Y-%m-%d}",
            )
            for one in found
            if status != "suppressed" or one.suppression
        ]
    names = ("address", "status", "tags", "since")
    if as_json:
        result_json({"people": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        result(table([names, *rows]))


def show(
    who: Who,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every row about this address.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is on record about one person; --all --json gives every row."""
    from newsletter.audience import mask
    from newsletter.cli.desk import open_desk
    from newsletter.store import subscribers, suppressions

    VOICE.json = as_json
    address = _address(who)
    with open_desk().store(create=False, read_only=True) as store:
        person = subscribers.find(store, address.canonical)
        reason = suppressions.reason(store, address.canonical)
        rows = subscribers.dossier(store, address.canonical) if every else {}
    if person is None and not reason and not any(rows.values()):
        raise _nobody()
    if as_json:
        told = {"address": address.canonical, "person": _as_dict(person), "suppressed": reason}
        result_json(told | ({"rows": rows} if every else {}))
        return
    lines = [("address", mask(address.mailbox)), ("suppressed", reason or "no")]
    if person is not None:
        facts = {"name": person.name, "tags": " ".join(sorted(person.tags)), **person.fields}
        lines[1:1] = [("status", person.status.value), *facts.items()]
    lines += [(name, plural(len(found), "row")) for name, found in rows.items()]
    result(table(lines))


def add(
    who: Who,
    *,
    consent_source: Consent,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What to call this person.")] = "",
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="A tag; may be repeated.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="A merge field; may be repeated."),
    ] = None,
) -> None:
    """Add one person, or what is new about them; nobody who left comes back this way."""
    from newsletter.audience import Status
    from newsletter.audience.roster import Row
    from newsletter.audience.segment import tag_name
    from newsletter.cli.desk import clock, open_desk
    from newsletter.store import imports
    from newsletter.text_rules import one_line, stands_in_header

    address, source = _address(who), _source(consent_source)
    row = Row(
        line=0,
        email=address.mailbox,
        canonical=address.canonical,
        name=one_line(name),
        status=Status.ACTIVE,
        tags=frozenset(filter(None, map(tag_name, tag or ()))),
        fields=dict(_field(text) for text in field or ()),
    )
    with open_desk().store() as store:
        added = imports.add(store, [row], source=source, now=clock())
    if added.kept_out:
        raise RefusedError(
            "this person has left, or the address is suppressed",
            hint="where they ask to come back: newsletter subscribers allow ADDR "
            "--consent-source TEXT",
        )
    if not stands_in_header(row.name):
        say("mails to this person name the address alone: no header can carry the name")
    result("added" if added.added else "updated" if added.updated else "known just so")


def remove(who: Who) -> None:
    """Take a person off the list who asked for it; the record stays, and no import undoes it."""
    from newsletter.cli.desk import clock, open_desk
    from newsletter.store import subscribers

    address = _address(who)
    with open_desk().store(create=False) as store:
        if subscribers.remove(store, address.canonical, now=clock()):
            result("unsubscribed")
            return
        if subscribers.find(store, address.canonical) is None:
            raise _nobody()
    result("had left already")


def erase(
    who: Who,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a person everywhere in the records; only a keyed hash stays, so that none returns."""
    from newsletter.cli.desk import clock, open_desk
    from newsletter.project.files import LISTS
    from newsletter.project.lists import traces
    from newsletter.project.private import STORE
    from newsletter.store import subscribers
    from newsletter.store.folder import backup as backups

    address = _address(who)
    _agree(yes=yes)
    desk = open_desk()
    with desk.store(create=False) as store:
        known, clean = subscribers.erase(store, address.canonical, now=clock())
        # A typing error must not cost the backups.
        renewed = backups.renew(store.path, now=clock()) if known else 0
    result("erased" if known else "nobody here had this address; it is kept out from now on")
    for name in traces(
        desk.root,
        (LISTS, desk.settings.transport.folder, "build", STORE),
        address.mailbox,
    ):
        say(f"warning: the address still stands in {name}")
    if renewed:
        say(f"{plural(renewed, 'backup')} beside the records held what they held: deleted, and "
            "a new one is made")  # fmt: skip
    say("copies of the records elsewhere hold what they held; delete them, or restore and erase")
    if not clean:
        raise PausedError(
            "another program was reading the records, and old pages of the file remain",
            hint="end it, then run the same command again",
        )


def allow(who: Who, *, consent_source: Consent) -> None:
    """Let an address in again that has left or is suppressed, because its person asked for it."""
    from newsletter.cli.desk import clock, open_desk
    from newsletter.store import subscribers
    from newsletter.store.consents import Evidence

    address, source = _address(who), _source(consent_source)
    with open_desk().store(create=False) as store:
        evidence = Evidence(source=source)
        reason, back = subscribers.allow(store, address.canonical, evidence, now=clock())
        known = subscribers.find(store, address.canonical) is not None
    if not reason and not back:
        result("nothing kept this address out")
    else:
        result(f"allowed again (was: {reason or 'unsubscribed'})")
    if not known:
        say("next: newsletter subscribers add ADDR --consent-source TEXT")


def _address(text: str) -> Address:
    from newsletter.audience import read_address

    return read_address(text)


def _source(text: str) -> str:
    from newsletter.text_rules import one_line

    if not (source := one_line(text)):
        raise InputError(
            "the source of consent is empty", hint='--consent-source "a mail of today"'
        )
    return source


def _field(text: str) -> tuple[str, str]:
    from newsletter.text_rules import one_line

    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or name != name.lower():
        raise InputError("a field is written NAME=TEXT", hint="--field city=Ghent")
    return name, one_line(value)


def _nobody() -> InputError:
    return InputError("nobody here has this address", hint="newsletter subscribers list")


def _agree(*, yes: bool) -> None:
    from newsletter.cli.desk import CHOSEN

    if yes:
        return
    if CHOSEN.no_input or not sys.stdin.isatty():
        raise InputError(
            "erasing needs a confirmation, and nobody is there to ask", hint="add --yes"
        )
    say("Type erase to forget this person for good, anything else cancels: ", quiet_at=-9)
    if sys.stdin.readline().strip() != "erase":
        raise CancelledError("cancelled; nothing was changed")


def _exported(store: Store) -> Iterator[list[str]]:
    from newsletter.audience.roster import guarded
    from newsletter.store import subscribers

    names = subscribers.field_names(store)
    yield ["email", "name", "status", "tags", *names]
    for one in subscribers.each(store):
        fields = [one.fields.get(name, "") for name in names]
        cells = [one.email, one.name, _standing(one), ", ".join(sorted(one.tags)), *fields]
        yield [guarded(cell) for cell in cells]


def _standing(one: Member) -> str:
    """The status in a word that `import` takes for the same."""
    from newsletter.feedback import Suppression

    if not one.suppression:
        return one.status.value
    known = {Suppression.BOUNCED: "bounced", Suppression.SOFT: "bounced",
             Suppression.COMPLAINED: "complained"}  # fmt: skip
    return {reason.value: word for reason, word in known.items()}.get(one.suppression, "blocked")


def _as_dict(one: Member | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "email": one.email,
        "name": one.name,
        "status": one.status.value,
        "tags": sorted(one.tags),
        "fields": dict(one.fields),
        "created_at": one.created_at.isoformat(),
        "updated_at": one.updated_at.isoformat(),
    }
