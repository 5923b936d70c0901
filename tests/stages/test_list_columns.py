"""What a header says by itself: other languages, who left, dates; what stops a list."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience import Status
from newsletter.audience.choices import read_choices
from newsletter.audience.joined import DayOrder, day_order, joined
from newsletter.audience.roles import BY_NAME, STANDING, plain, speaks_of_standing
from newsletter.audience.roster import Row, read
from newsletter.errors import InputError
from tests.support.rosters import all_rows, reasons, the_row


def chosen(
    text: str,
    *,
    file: str = "list.csv",
    service: str = "auto",
    columns: Sequence[str] = (),
    words: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> list[Row]:
    choices = read_choices(service=service, columns=columns, words=words, tags=tags)
    found = list(read(io.StringIO(text, newline=""), file=file, choices=choices))
    return [row for row in found if isinstance(row, Row)]


# --- languages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("E-Mail,Vorname,Nachname", "Ada Lovelace"),
        ("Mailadresse;Vorname;Nachname", "Ada Lovelace"),
        ("Adresse e-mail,Prénom,Nom", "Ada Lovelace"),
        ("Courriel,Prénom,Nom de famille", "Ada Lovelace"),
        ("Correo electrónico,Nombre,Apellidos", "Ada Lovelace"),
        ("Correo,Nombre,Apellido", "Ada Lovelace"),
        ("Indirizzo e-mail,Nome,Cognome", "Ada Lovelace"),
        ("Endereço de e-mail,Primeiro nome,Sobrenome", "Ada Lovelace"),
        ("E-mailadres,Voornaam,Achternaam", "Ada Lovelace"),
        ("E-post,Förnamn,Efternamn", "Ada Lovelace"),
        ("Adres e-mail,Imię,Nazwisko", "Ada Lovelace"),
    ],
)
def test_columns_are_known_in_other_languages(header, name):
    line = "a@example.org,Ada,Lovelace".replace(",", ";" if ";" in header else ",")
    assert the_row(f"{header}\n{line}\n").name == name


# --- who has left ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "State", "Email Status Detail", "Subscription", "Unsub", "Opt-In-Datum", "optin", "Opted",
        "Confirmation", "GDPR", "Consent given", "Bounces", "Bounce count", "Complaints", "Spam score",
        "Block list", "Blacklist reason", "Suppression", "Disabled?", "Deletion date", "Cleaned on",
        "Validity", "Verified", "Cancel date", "Removed by", "Undelivered", "Do not contact",
        "Left the list", "DNC", "DND", "No email", "noemail", "Emailable", "Enabled", "Withdrawn on",
        "Objection", "Expired", "Archived", "Trashed", "Newsletter", "Mailing", "Allow email",
        "Quit", "Signed off", "Churned on", "Is active now", "Marketing permissions",
        "Abmeldegrund", "Abbestellgrund", "Gesperrt seit", "Einwilligung", "Bestätigung", "Désabonnement",
        "Désinscription le", "Rejeté", "Estado", "Motivo de baja", "Rebotes", "Suspension", "suspnded", "Resigned",
        "Paused", "Austritt", "Ausgetreten seit", "Kündigung", "Gelöschte", "Sperrgrund", "Beschwerden", "Widerrufen",
        "Keine Mails", "Résiliation", "Plaintes", "Indésirable", "Anulación o baja", "Quejas", "Rechazado", "Devueltos", "Iscrizione", "Disiscrizione",
        "Descadastrado", "Afmelding", "Geblokkeerd", "Avregistrerad", "Wypisany", "Sattus", "Stauts", "Subcribed",
        "Buonced", "Blokced", "Reason", "Grund", "Motif",
    ],
)  # fmt: skip
def test_a_column_that_speaks_of_leaving_and_is_not_understood_stops_the_list(header):
    with pytest.raises(InputError, match="may tell who left, and is not understood") as caught:
        all_rows(f"email,{header}\na@example.org,1\n")
    assert str(caught.value.place) == "list.csv:1:7"
    assert f'--map "{header}=ROLE"' in (caught.value.hint or "")


def test_all_columns_that_nobody_understands_are_asked_about_at_once():
    with pytest.raises(InputError) as caught:
        all_rows('email,State,city,GDPR,"Sperr\ngrund"\na@example.org,1,2,3,4\n')
    wanted = (
        'the columns "State", "GDPR" and "Sperr grund" may tell who left, and are not understood'
    )
    assert (caught.value.message, str(caught.value.place)) == (wanted, "list.csv:1:7")
    ways = '--map "State=ROLE" --map "GDPR=ROLE" --map "Sperr grund=ROLE": status, left'
    assert (caught.value.hint or "").startswith(ways)
    with pytest.raises(InputError, match='the column "GDPR" may tell who left, and is not'):
        chosen("email,State,GDPR\na@example.org,1,2\n", columns=["State=ignore"])


@pytest.mark.parametrize(
    "header",
    ["ausgetreten", "Suspended", "abgemeldet", "opted out at", "Désabonné", "Désabonné(e)", "complained",
     "bounced at", "Abmeldedatum", "Gekündigt am", "Gekuendigt am", "Gelöscht am", "Date de désinscription",
     "Dado de baja", "Fecha baja", "Suppressed at", "Blocklisted at", "Spam complaint date", "Unzustellbar",
     "Liste noire", "Marcado como spam"],
)  # fmt: skip
def test_columns_that_tell_who_left_are_known_in_other_languages(header):
    gone, never = all_rows(f"email,{header}\na@example.org,2024-01-31\nb@example.org,\n")
    assert (gone.status, never.status) == (Status.UNSUBSCRIBED, Status.ACTIVE)


@pytest.mark.parametrize(
    "header",
    ["City", "Country", "Company", "Birthday", "Language", "Phone", "Notes", "Plan", "Source", "Address",
     "Description", "Title", "Zip", "Favourite colour", "Adopted", "Last active", "Postal code", "Donations",
     "Quite", "Newsletters read", "Kundennummer", "Abteilung", "Straße", "Sprache", "Département", "Société", "Ville",
     "Ciudad", "Empresa", "Cumpleaños", "Exclusive", "Retired", "Signal", "Annual income", "Mailing City",
     "MailingPostalCode", "Opt-in IP"],
)  # fmt: skip
def test_what_speaks_of_nothing_of_the_kind_is_a_field(header):
    assert the_row(f"email,{header}\na@example.org,x\n").fields == {plain(header): "x"}


@pytest.mark.parametrize(
    "cell", ["unsubscribed", " Opted out", "hard bounced", "Complained", "afgemeld"]
)
@pytest.mark.parametrize("header", ["Type", "Group", "Tags", "Result"])
def test_a_word_that_means_one_thing_alone_is_passed_over_in_no_column(header, cell):
    text = f"email,{header}\na@example.org,{cell}\nb@example.org,other\n"
    left, other = all_rows(text)
    role = "tags" if header == "Tags" else "field"
    way = f'--map "{header}={role}" where it does not'
    assert left.aside == f'the column "{header}" says that they left; {way}'
    assert (left.status, other.status) == (Status.UNSUBSCRIBED, Status.ACTIVE)
    [told, _] = chosen(text, columns=[f"{header}=field:word"])
    assert told.fields == {"word": cell.strip()}


def test_one_of_several_tags_says_it_too():
    text = 'email,tags\na@example.org,"VIP, Unsubscribed"\n'
    assert the_row(text).status is Status.UNSUBSCRIBED


def test_every_column_that_tells_who_left_would_stop_the_list_if_it_were_not_known():
    """Else a name that is a little different would be passed over."""
    words = {name for name, role in BY_NAME.items() if role in STANDING}
    assert {name for name in words if not speaks_of_standing(name)} == set()


@given(st.sampled_from(sorted(name for name, role in BY_NAME.items() if role in STANDING)))
def test_nobody_of_whom_a_known_column_says_so_stays_active(name):
    cell = {"status": "unsubscribed", "subscribed": "no", "confirmed": "no"}.get(BY_NAME[name], "1")
    assert the_row(f"email,{name}\na@example.org,{cell}\n").status is not Status.ACTIVE


def test_names_that_programs_write_as_one_word_are_read_as_several():
    text = (
        "emailAddress,firstName,isSubscribed,unsubscribedAt,bouncedAt,createdAt,openCount,optInIp\n"
        "a@example.org,Ada,true,,,2024-01-31,0,1.1.1.1\nb@example.org,Bo,false,,,2024-01-31,1,\n"
        "c@example.org,Cy,true,2024-02-01,,2024-01-31,0,\n"
    )
    ada, *others = all_rows(text)
    assert (ada.status, ada.fields["opencount"]) == (Status.ACTIVE, "0")
    assert {row.status for row in others} == {Status.UNSUBSCRIBED}
    with pytest.raises(InputError, match='the column "dateLeftIt" may tell who left'):
        all_rows("email,dateLeftIt\na@example.org,x\n")


def test_a_persons_own_word_decides():
    text = "email,State\na@example.org,Ohio\nb@example.org,gone\n"
    plain_field = chosen(text, columns=["State=field"])
    assert [row.fields for row in plain_field] == [{"state": "Ohio"}, {"state": "gone"}]
    named = chosen(text, columns=["State=field:home"])
    assert named[0].fields == {"home": "Ohio"}
    told = chosen(text, columns=["state=status"], words=["gone=left", "OHIO = active"])
    assert [row.status for row in told] == [Status.ACTIVE, Status.UNSUBSCRIBED]
    assert chosen(text, columns=["State=ignore"], tags=["Old list"])[0].tags == {"old-list"}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"columns": ["State"]}, "does not say what a column is"),
        ({"columns": ["State=boss"]}, "does not say what a column is"),
        ({"columns": ["State=left:x"]}, "does not say what a column is"),
        ({"columns": ["Region=field"]}, 'no column of this list is named "region"'),
        ({"words": ["gone"]}, "does not say what a word means"),
        ({"words": ["gone=away"]}, "does not say what a word means"),
        ({"tags": ["!?"]}, "is no tag"),
        ({"service": "elsewhere"}, '"elsewhere" is no service'),
    ],
)
def test_a_choice_that_cannot_be_is_an_error_with_a_way_out(words, problem):
    with pytest.raises(InputError, match=problem) as caught:
        chosen("email\na@example.org\n", **words)
    assert caught.value.hint


def test_a_service_that_is_named_is_read_as_such_and_plain_as_none():
    text = "email,state\na@example.org,cancelled\n"
    assert chosen(text, service="kit")[0].status is Status.UNSUBSCRIBED
    with pytest.raises(InputError, match="may tell who left"):
        chosen("email_address,state,created_at\na@example.org,x,\n", service="plain")


@pytest.mark.parametrize(
    "file",
    [
        "unsubscribed.csv",
        "old-bounces.csv",
        "a/spam 2024.csv",
        "Inactive_export.csv",
        "Abmeldungen 2024.csv",
        "désinscrits.csv",
    ],
)
def test_a_file_whose_name_alone_says_who_left_stops(file):
    with pytest.raises(InputError, match="and no column says who left") as caught:
        chosen("email\na@example.org\n", file=file)
    assert 'add a column "status"' in (caught.value.hint or "")
    [row] = chosen("email,status\na@example.org,unsubscribed\n", file=file)
    assert row.status is Status.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("file", "wanted"),
    [("nonsubscribed_members_export_1.csv", ("unsubscribed", "")), ("cleaned_members_export_1.csv", ("unsubscribed", "bounced")),
     ("subscribed_members_export_1.csv", ("active", ""))],
)  # fmt: skip
def test_mailchimp_tells_by_the_names_of_its_files(file, wanted):
    [row] = chosen("Email Address,LEID,EUID\na@example.org,1,a\n", file=file)
    assert (row.status, row.suppression) == wanted


# --- scripts other than ours -----------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Отписан (date)", "Отписан", "Διαγραμμένος", "退会日", "탈퇴", "הוסר", "सदस्यता रद्द", "2024", "✓", "?"],
)  # fmt: skip
def test_a_column_in_any_script_is_asked_about_and_can_be_mapped_by_its_own_words(header):
    text = f"email,{header}\na@example.org,2024-01-31\nb@example.org,\n"
    with pytest.raises(InputError, match="no merge field can have the name of this") as caught:
        all_rows(text)
    assert (caught.value.hint or "").startswith(f'--map "{header}=ROLE": left where it tells who')
    gone, never = chosen(text, columns=[f"{header.upper()}=left"])
    assert (gone.status, never.status) == (Status.UNSUBSCRIBED, Status.ACTIVE)
    assert chosen(text, columns=[f"{header}=field:since"])[0].fields == {"since": "2024-01-31"}


def test_all_columns_in_other_scripts_are_asked_about_at_once():
    with pytest.raises(InputError, match='names of the columns "Отписан" and "Город"'):
        all_rows("Почта,Имя,Отписан,Город\na@example.org,Ada,1,x\n")
    with pytest.raises(InputError, match='the columns "Отписан" and "State" may tell who left'):
        all_rows("Почта,Отписан,State\na@example.org,1,x\n")


@pytest.mark.parametrize(
    ("header", "name"),
    [("Größe", "grosse"), ("Straße", "strasse"), ("Łódź", "lodz"), ("Smørrebrød", "smorrebrod"),
     ("Ｃｉｔｙ", "city"), ("\u200bCi\u00adty", "city"), ("Cœur", "coeur"), ("Cafe\u0301", "cafe")],
)  # fmt: skip
def test_accents_and_what_nobody_sees_do_not_matter(header, name):
    assert the_row(f"email,{header}\na@example.org,x\n").fields == {name: "x"}


# --- dates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "order", "day"),
    [
        ("2024-01-31", DayOrder.UNKNOWN, "2024-01-31"),
        ("2024-01-31T23:00:00-05:00", DayOrder.UNKNOWN, "2024-02-01"),
        ("2024-01-31 10:00:00 UTC", DayOrder.UNKNOWN, "2024-01-31"),
        ("Jan 31, 2024", DayOrder.UNKNOWN, "2024-01-31"),
        ("31 January 2024", DayOrder.UNKNOWN, "2024-01-31"),
        *(
            (cell, DayOrder.UNKNOWN, "2024-03-01")
            for cell in (
                "1. März 2024",
                "1.März 2024",
                "01 Mrz. 2024",
                "1. Maerz 2024",
                "1. Ma\u0308rz 2024, 10:00",
                "1er mars 2024",
                "1 MARS 2024",
                "1 de marzo de 2024",
                "1º de março de 2024",
                "1 mar 2024",
                "1 maart 2024",
                "1st March 2024",
                "March 1st, 2024",
            )
        ),
        ("31. Dezember 2023", DayOrder.UNKNOWN, "2023-12-31"),
        ("14 août 2023", DayOrder.UNKNOWN, "2023-08-14"),
        ("14 févr. 2023", DayOrder.UNKNOWN, "2023-02-14"),
        ("3 juin 2023", DayOrder.UNKNOWN, "2023-06-03"),
        ("3 juil. 2023", DayOrder.UNKNOWN, "2023-07-03"),
        ("15 de enero del 2023", DayOrder.UNKNOWN, "2023-01-15"),
        ("15 de agosto de 2023", DayOrder.UNKNOWN, "2023-08-15"),
        ("30. Februar 2024", DayOrder.UNKNOWN, None),
        ("1. ledna 2024", DayOrder.UNKNOWN, None),
        ("31.1.2024", DayOrder.DAY_FIRST, "2024-01-31"),
        ("1/2/2024 10:00", DayOrder.DAY_FIRST, "2024-02-01"),
        ("1/2/2024", DayOrder.MONTH_FIRST, "2024-01-02"),
        ("3/3/2024", DayOrder.UNKNOWN, "2024-03-03"),
        ("1/2/2024", DayOrder.UNKNOWN, None),
        ("31/1/2024", DayOrder.MONTH_FIRST, None),
        ("1994-12-31", DayOrder.UNKNOWN, None),
        ("0001-01-01T00:00:00+14:00", DayOrder.UNKNOWN, None),
        ("9999-12-31T23:59:59-14:00", DayOrder.UNKNOWN, None),
        ("yesterday", DayOrder.UNKNOWN, None),
        ("", DayOrder.UNKNOWN, None),
    ],
)
def test_dates_are_read_as_people_write_them(cell, order, day):
    found = joined(cell, order)
    assert (found and f"{found.astimezone(dt.UTC):%Y-%m-%d}") == day


def test_a_list_shows_which_number_is_the_day():
    assert day_order(["1/2/2024", "13/2/2024"]) is DayOrder.DAY_FIRST
    assert day_order(["1/2/2024", "2/13/2024"]) is DayOrder.MONTH_FIRST
    assert day_order(["1/2/2024"]) is DayOrder.UNKNOWN
    assert day_order(["13/2/2024", "2/13/2024"]) is DayOrder.UNKNOWN
    first, _ = all_rows("email,joined\na@example.org,1/2/2024\nb@example.org,13/2/2024\n")
    assert f"{first.joined:%Y-%m-%d}" == "2024-02-01"


@given(st.text(max_size=25), st.sampled_from(DayOrder))
def test_any_text_is_a_date_or_none(cell, order):
    found = joined(cell, order)
    assert found is None or found.tzinfo is not None


def test_no_date_rejects_a_row():
    assert reasons("email,joined\na@example.org,soon\n") == []


def test_a_more_careful_row_names_the_row_whose_place_it_takes():
    text = (
        "email,status\nbad,active\na@b.org,active\na@b.org,left\na@b.org,active\nA@b.org,bounced\n"
    )
    assert [(row.line, row.instead_of) for row in chosen(text)] == [(3, None), (4, 1), (6, 2)]
    assert reasons(text)[1:] == [(5, "line 4 has this address too")]
