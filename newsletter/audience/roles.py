"""What a column of a list means by its name, in the languages that spreadsheets are kept in.

A column that speaks of leaving, bouncing, complaining or confirming and is not understood is never
passed over: people who left would be mailed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from newsletter.humanize import is_slip


class Role(StrEnum):
    """What the cells of a column are; the values are the words of `--map`."""

    EMAIL = "email"
    NAME = "name"
    FIRST = "first"
    LAST = "last"
    TAGS = "tags"
    STATUS = "status"  # a word
    SUBSCRIBED = "subscribed"  # no when the person has left
    CONFIRMED = "confirmed"  # no, or no date, when the person has not confirmed
    LEFT = "left"  # a date when there is one, or yes
    BOUNCED = "bounced"  # the same
    COMPLAINED = "complained"
    BLOCKED = "blocked"
    JOINED = "joined"  # a date
    TABLE = "table"  # a JSON object of further fields
    FIELD = "field"
    IGNORE = "ignore"


#: Roles that tell whether a person may be mailed.
STANDING: Final = frozenset(
    {
        Role.STATUS, Role.SUBSCRIBED, Role.CONFIRMED, Role.LEFT, Role.BOUNCED, Role.COMPLAINED,
        Role.BLOCKED,
    }
)  # fmt: skip

_NAMES: Final[Mapping[Role, str]] = {
    Role.EMAIL: """
        email email_address e_mail e_mail_address mail mail_address emailaddress email_adresse
        e_mail_adresse mailadresse mail_adresse adresse_email adresse_e_mail adresse_mail courriel
        adresse_courriel adresse_electronique correo correo_electronico direccion_de_correo
        direccion_de_correo_electronico indirizzo_email indirizzo_e_mail posta_elettronica
        endereco_de_email endereco_de_e_mail emailadres e_mailadres e_mail_adres mailadres epost
        e_post epostadress e_postadress e_postadresse sahkoposti adres_email adres_e_mail
        почта эл_почта электронная_почта адрес_электронной_почты email_адрес e_mail_адрес имейл
        メール メールアドレス 电子邮件 邮箱 이메일
    """,
    Role.NAME: """
        name full_name fullname display_name subscriber_name contact_name nom_complet
        nombre_completo nome_completo vollstandiger_name volledige_naam naam namn фио 氏名 姓名
    """,
    Role.FIRST: """
        first_name firstname fname given_name forename vorname prenom nombre nome primeiro_nome
        voornaam fornamn fornavn etunimi imie имя
    """,
    Role.LAST: """
        last_name lastname lname family_name surname nachname familienname nom nom_de_famille
        apellido apellidos cognome sobrenome ultimo_nome achternaam efternamn etternavn efternavn
        sukunimi nazwisko фамилия
    """,
    Role.TAGS: "tags tag labels schlagworte etiquettes etiquetas etichette",
    Role.STATUS: """
        status subscriber_status subscription_status email_status contact_status mail_status
        newsletter_status abo_status abonnement_status abonnentenstatus statut statut_abonnement
        statut_d_abonnement statut_de_l_abonnement estado_suscripcion estado_de_suscripcion
        estado_de_la_suscripcion
    """,
    Role.SUBSCRIBED: """
        subscribed subscribed_to_emails is_subscribed active is_active opted_in opt_in email_opt_in
        aktiv actif activo attivo abonniert angemeldet abonne abonnee inscrit inscrite suscrito
        suscrita iscritto inscrito ingeschreven
    """,
    Role.CONFIRMED: """
        confirmed is_confirmed confirmed_at confirmed_on confirm_time confirmation_date
        confirmation_time bestatigt bestaetigt bestatigt_am bestaetigt_am confirme confirme_le
        date_de_confirmation confirmado confirmado_el fecha_de_confirmacion confermato bevestigd
    """,
    Role.LEFT: """
        unsubscribed unsubscribed_at unsubscribed_on unsubscribed_date unsubscribed_time
        unsubscribe_date unsubscribe_time unsubscription_date date_unsubscribed unsub_time
        unsub_date is_unsubscribed has_unsubscribed email_unsubscribed email_disabled opted_out
        opt_out optout is_opted_out email_opt_out email_optout opted_out_at opted_out_on
        opted_out_date opt_out_at opt_out_date opt_out_time optout_at optout_date optout_time
        date_opted_out
        has_opted_out_of_email hasoptedoutofemail unsubscribed_from_all_email left left_at left_on
        has_left date_left inactive is_inactive suspended suspended_at suspended_on is_suspended
        cancelled canceled cancelled_at canceled_at cancelled_on canceled_on removed removed_at
        removed_on is_removed deactivated deactivated_at deactivated_on is_deactivated deleted_at
        deleted_on is_deleted
        abgemeldet abgemeldet_am abgemeldet_um abgemeldet_seit abmeldedatum abmeldezeit
        abmeldezeitpunkt datum_der_abmeldung abbestellt abbestellt_am ausgetreten ausgetreten_am
        austrittsdatum ausgetragen ausgetragen_am gekundigt gekuendigt gekundigt_am gekuendigt_am
        inaktiv deaktiviert deaktiviert_am geloscht geloescht geloscht_am geloescht_am widerrufen_am
        desinscrit desinscrite desinscrit_e desinscrit_le date_desinscription
        date_de_desinscription desabonne desabonnee desabonne_e desabonne_le date_desabonnement
        date_de_desabonnement resilie resilie_le inactif desactive desactive_le supprime supprime_le
        baja dado_de_baja dada_de_baja baja_el fecha_baja fecha_de_baja desuscrito desuscrita
        desuscrito_el cancelado cancelado_el fecha_de_cancelacion inactivo desactivado eliminado
        eliminado_el anulado disiscritto cancellato uitgeschreven afgemeld
    """,
    Role.BOUNCED: """
        bounced bounced_at is_bounced has_bounced hard_bounced hard_bounced_at hard_bounce
        bounce_date bounced_date bounced_on bounced_time bounce_time date_bounced clean_time cleaned
        cleaned_at undeliverable undeliverable_at is_undeliverable unzustellbar unzustellbar_seit
        rebotado rebotado_el
        isemailbounced email_bounced_date emailbounceddate email_bounced_reason emailbouncedreason
        email_hard_bounce_reason
    """,
    Role.COMPLAINED: """
        complained complained_at complained_on is_complained has_complained complaint complaint_date
        complaint_at complaint_time spam marked_as_spam marked_as_spam_at spam_complaint
        spam_complaint_at spam_complaint_date spam_reported reported_spam reported_as_spam
        abuse_complaint als_spam_gemeldet als_spam_markiert beschwerdedatum signale_comme_spam
        marque_comme_spam marcado_como_spam
    """,
    Role.BLOCKED: """
        blacklisted blacklisted_at is_blacklisted email_blacklisted blocklisted blocklisted_at
        is_blocklisted email_blocklisted blocked is_blocked blocked_at suppressed suppressed_at
        suppressed_on is_suppressed banned gesperrt gesperrt_am blockiert blockiert_am bloque
        bloquee bloque_le liste_noire bloqueado bloqueado_el lista_negra
    """,
    Role.JOINED: """
        joined joined_at joined_on join_date date_joined subscribed_at subscribed_on subscribe_date
        subscription_date date_subscribed signup_date sign_up_date signed_up signed_up_at created
        created_at created_on created_date createddate create_date date_created creation_date
        creation_time date_added added_at added_on added_time subscriber_since member_since
        subscribed_since newsletter_since newsletter_seit abonnent_seit abonnentin_seit
        abonne_depuis abonnee_depuis suscriptor_desde iscritto_dal abonnee_sinds
        anmeldedatum angemeldet_am angemeldet_seit abonniert_am date_d_inscription inscrit_le
        date_d_abonnement abonne_le fecha_de_alta fecha_de_registro fecha_de_suscripcion suscrito_el
        data_di_iscrizione data_de_inscricao inschrijfdatum
    """,
    # What Mailchimp says beside UNSUB_TIME and CLEAN_TIME.
    Role.IGNORE: """
        unsub_campaign_title unsub_campaign_id unsub_reason unsub_reason_other unsubscription_reason
        clean_campaign_title clean_campaign_id
    """,
}
#: Accents, and what is not seen at all: soft hyphens, marks of direction, a byte-order mark.
_UNSEEN: Final = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufeff]")
#: Letters that no accent makes of another one.
_LETTERS: Final = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)


def folded(text: str) -> str:
    """A text without case, accents and marks that are not seen; letters of every script stay."""
    if text.isascii():
        return text.lower()
    letters = _UNSEEN.sub("", unicodedata.normalize("NFKD", text)).casefold()
    if letters.isascii():
        return letters
    return unicodedata.normalize("NFC", letters).translate(_LETTERS)


def plain(header: str) -> str:
    """A header as a field is named: "Prénom " becomes "prenom", "First Name" "first_name".

    One of signs alone stays as it is, so that `--map` reaches it; only an empty one is "".
    """
    name = folded(header)
    return re.sub(r"[\W_]+", "_", name).strip("_") or " ".join(name.split())


def parted(header: str) -> str:
    """The same, where programs write several words as one: "unsubscribedAt" as two."""
    return plain(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", header))


#: The role of a column by its name, as `plain` writes it.
BY_NAME: Final[Mapping[str, Role]] = {
    plain(name): role for role, names in _NAMES.items() for name in names.split()
}
_LEAVES: Final = (
    # English, and what other languages have in common with it
    r"unsub|opt_?out|optedout|(?:^|_)opted|bounc|complain|spam|abuse|suppress|delet|cancel|remov|undeliver|unreach"
    r"|blo[ck]k?(?:ed|list)|blackl|do_?not|no_?e?_?mail|withdr[ae]w|churn|trashed|signed_?off"
    r"|suspen[ds]|deactivat|revok|refus|unmail|(?:^|_)(?:lapsed|resigned|junk)(?:_|$)"
    r"|(?:^|_)(?:left|leave|leaving|gone|dnc|dnm|dnd|banned|quit|objected|rejected)(?:_|$)"
    # German, Dutch, the North
    r"|abgemeld|abmeld|abbestell|gesperrt|gelosch|unzustell"
    r"|ausgetr|austr(?:itt|ag)|ausgeschied|gekue?ndigt|kue?ndigung|widerruf|widerspr|deaktiv|gel(?:oe|o)sch"
    r"|sperr|blockier|unerreich|beschwer|stornier|abgelehnt|keine?_?(?:e_?)?mail"
    r"|opgezegd|klacht|uitgeschr|uitschrij|afgemeld|afmeld|geblok|avregistr|avprenum|avmeld|afmeldt"
    # French, Spanish, Italian, Portuguese, Polish
    r"|desinscri|desabon|rebond|rejet|bloqu|rebot|(?:^|_)baja(?:_|$)"
    r"|resili|desactiv|plainte|supprim|radiee?(?:_|$)|indesirable|signalee?(?:_|$)|annulee?(?:_|$)|liste?a?_n(?:oire|egra|era)"
    r"|anulad|queja|rechaz|eliminad|borrad[oa](?:_|$)|devuelt|dad[oa]_de|no_deseado"
    r"|disiscri|rimbalz|descadast|wypisan"
    # elsewhere
    r"|odhlas|zrusen|vypoved|odjav|leiratk|lemond|peruut|frameld|utmeld|dezabon"
)
#: What speaks of an end.
_LEAVING: Final = re.compile(_LEAVES)
_SPEAKS: Final = re.compile(
    _LEAVES
    # English, and what other languages have in common with it
    + r"|stat|subscri|opt_?in|confirm|conferm|consent|permission|blo[ck]|black|disabl|clean"
    r"|valid|verif|gdpr|enabled|archived|expired|unengag|(?:^|_)(?:paused|dormant)(?:_|$)"
    r"|(?:^|_)(?:e?mailable|marketing|newsletter)(?:_|$)"
    r"|(?:^|_)(?:objection|mailing|allow_e?mails?|receives?_e?mails?)(?:_|$)"
    r"|(?:^|(?<!last)_)(?:in)?(?:activ[eo]|aktiv|actif|attivo)(?:_|$)"
    # German, Dutch
    r"|angemeld|bestat|bestaet|einwillig|zustimm|ungue?lt|ingeschr|bevestig|toestemm"
    # French, Spanish, Italian, Polish
    r"|abonn|inscri|bloq|consenti|suscri|estado|iscri|(?:^|_)etat(?:_|$)|potwierdz|zgoda"
    # Words for a state, and for an end, elsewhere
    r"|(?:^|_)(?:zustand|toestand|stav|stan|stanje|stare|tila|durum|allapot|situa[ct]i?[a-z]+)(?:_|$)"
    r"|(?:^|_)exit(?:_|$)"
    # Why somebody left is said of nobody else
    r"|(?:^|_)(?:reason|grund|motif|raison|motivo|reden)(?:_|$)"
)
#: Names of such columns that are long enough to be known with a slip in them.
_LONG_ENOUGH: Final = 6
_TELLING: Final = tuple(
    name for name, role in BY_NAME.items() if role in STANDING and len(name) >= _LONG_ENOUGH
)
#: Which subscriber it is, from where, and their address on paper: nothing of where they stand.
_NUMBERS: Final = re.compile(
    r"subscri(?:ber|ption)_?(?:id|uuid|guid|key|hash|ip)|(?:opt_?in|subscribe|confirm(?:ation)?)_?ip"
    r"|mailing_(?:address|street|city|zip|postal|post_?code|state|province|country)\w*"
)

#: Mailchimp's names, and those that people give such files.
_NAME_TELLS: Final = re.compile(
    r"(?<![a-z])(?:non-?subscribed|unsubscribe(?:d|s|rs)?|unsubs|opt-?outs?|bounced?|bounces"
    r"|complain(?:ed|ts)|spam|blocked|blacklist|suppress(?:ed|ions?)|unconfirmed|inactive|deleted"
    r"|cleaned)(?![a-z])"
)


def speaks_of_standing(name: str) -> bool:
    """Whether the plain name of a column speaks of leaving, bouncing, complaining or confirming.

    Also with a slip: "stauts" does.
    """
    if _NUMBERS.fullmatch(name):
        return False
    return _SPEAKS.search(name) is not None or any(is_slip(name, one) for one in _TELLING)


def speaks_of_leaving(text: str) -> bool:
    """Whether a remark, as `plain` writes it, speaks of leaving, bouncing or complaining."""
    return _LEAVING.search(text) is not None


def name_tells(file: str) -> str:
    """The word in a file's name that says its people left, or must not be mailed; or ""."""
    if found := _NAME_TELLS.search(file.lower().replace("_", " ")):
        return found[0]
    return next((word for word in plain(file).split("_") if speaks_of_leaving(word)), "")
