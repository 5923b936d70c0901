"""The way out: the mail server or the AWS account, and the events queue."""

from __future__ import annotations

import datetime as dt
from typing import Final

from newsletter.check.placeholder import PLACEHOLDERS
from newsletter.doctor.diagnosis import Diagnosis, error, ok, skipped, warning, worst
from newsletter.doctor.subject import PATIENCE, Subject
from newsletter.humanize import duration, plural
from newsletter.sending.gate import no_way_out, unheard_in_bulk
from newsletter.sending.reaching import suspected
from newsletter.sending.transports import mail_server
from newsletter.store import list_size, runs

#: Signatures fail when a clock is off by five minutes (AWS General Reference, "Signing requests").
_CLOCK_OFF: Final = 60
_CLOCK_WRONG: Final = 240
_NTP: Final = "set it by the network: timedatectl set-ntp true"
#: SES reports most mails within seconds.
_HEARD_WITHIN: Final = dt.timedelta(hours=1)
_LOG_IN: Final = "look at [transport.smtp], and NEWSLETTER_TRANSPORT__SMTP__PASSWORD"
_CONSOLE: Final = "the SES console says why, under Account dashboard"


def server(subject: Subject) -> Diagnosis:
    """Whether the mail server can be logged in to; no mail is handed over."""
    from newsletter.smtp import try_session  # noqa: PLC0415  # not every newsletter has one

    where = mail_server(subject.project)
    if why := try_session(where, seconds=PATIENCE):
        return error(why.reason, suspected(subject.project, why) or _LOG_IN)
    log_in = "logged in" if where.username else "greeted, no log-in is set"
    return ok(f"the mail server answers ({where.security}, {log_in})")


def credentials(subject: Subject) -> Diagnosis:
    """Whether AWS knows us, and that as somebody who may do little."""
    caller = subject.caller
    found = f"AWS account ...{caller.account[-4:]}, credentials from {caller.source}"
    if caller.root:
        hint = "use a role, or a user that may only send"
        return warning(f"these are the account's root credentials; {found}", hint)
    return ok(found)


def clock(subject: Subject) -> Diagnosis:
    """Whether this machine's clock agrees with AWS's."""
    caller = subject.caller
    if caller.ahead is None:
        return skipped("the answer of AWS has no date")
    off = abs(caller.ahead.total_seconds())
    way = "fast" if caller.ahead > dt.timedelta() else "slow"
    told = f"this machine's clock is {duration(off)} {way}"
    if off > _CLOCK_WRONG:
        return error(told, _NTP)
    return warning(told, _NTP) if off > _CLOCK_OFF else ok("the clock agrees with AWS's")


def account(subject: Subject) -> Diagnosis:
    """Whether the account may send, to everybody and enough."""
    seen = subject.account
    found = []
    if seen.standing == "SHUTDOWN":
        found.append(error("SES has shut down sending for this account", _CONSOLE))
    elif seen.standing == "PROBATION":
        found.append(warning("SES has put this account under review", _CONSOLE))
    if seen.sandbox:
        hint = "newsletter ses setup --print request drafts what to ask AWS"
        found.append(warning("the account is in the sandbox: verified addresses only", hint))
    number = people(subject)
    if seen.left is not None and seen.left < number:
        left = plural(seen.left, "mail is", "mails are")
        hint = "a send pauses there and goes on the next day; ask AWS for a higher quota"
        found.append(
            warning(f"{left} left of today's quota for {plural(number, 'person', 'people')}", hint)
        )
    return worst(found, f"{seen.rate:g} mails a second in {subject.control.region}")


def queue(subject: Subject) -> Diagnosis:
    """Whether what SES reports can be fetched."""
    from newsletter.ses.events import Queue  # noqa: PLC0415  # as above

    group = subject.project.settings.transport.ses
    missing = [
        f"transport.ses.{name}"
        for name in ("configuration_set", "events_queue")
        if not getattr(group, name)
    ]
    if missing:
        return warning(
            f"{' and '.join(missing)} not set: bounces and complaints go unheard",
            "newsletter ses setup --write",
        )
    found = Queue(
        group.events_queue, region=group.region, profile=group.profile, environ=subject.environ,
        patience=PATIENCE,
    )  # fmt: skip
    try:
        number = found.size()
    finally:
        found.close()
    waiting = f"{plural(number, 'event waits', 'events wait')} in the queue"
    if issue := _unheard(subject):
        told = f"SES took mails of issue {issue}, and no event of them was fetched yet; {waiting}"
        return warning(told, "newsletter events pull; newsletter doctor --only events")
    return ok(waiting)


def _unheard(subject: Subject) -> int | None:
    """The last issue of which SES took mails an hour ago, where nothing was heard of any."""
    if (store := subject.readable) is None:
        return None
    found = [
        run
        for run in runs.find_all(store)
        if run.begun and not run.rehearsal and run.transport == "ses"
    ]
    last = max(found, key=lambda run: run.started_at, default=None)
    if last is None or subject.now - (last.finished_at or last.started_at) < _HEARD_WITHIN:
        return None
    covered = store.feedback.coverage(last)
    return last.content.issue if covered.accepted and not covered.seen else None


def refused(subject: Subject) -> Diagnosis:
    """Whether the settings have what no issue goes without."""
    settings, found = subject.project.settings, []
    if not settings.sender.from_address:
        hint = "set sender.from_address in newsletter.toml"
        found.append(error("there is no sender address: nothing can be sent", hint))
    if not settings.site.postal_address.strip() and "no-address" not in settings.checks.ignore:
        hint = "set site.postal_address in newsletter.toml"
        found.append(error("there is no postal address: no issue is fit to send", hint))
    for key, value in (
        ("site.name", settings.site.name),
        ("site.postal_address", settings.site.postal_address),
        ("sender.from_name", settings.sender.from_name),
        ("sender.from_address", settings.sender.from_address),
        ("sender.reply_to", settings.sender.reply_to),
        ("sender.unsubscribe_mailto", settings.sender.unsubscribe_mailto),
    ):
        if value == PLACEHOLDERS[key] and "placeholder" not in settings.checks.ignore:
            told = f'{key} is still "{value}", which newsletter init wrote'
            found.append(error(told, f"set {key} in newsletter.toml"))
    if fault := unheard_in_bulk(settings):
        found.append(error(fault.message, fault.hint or ""))
    return worst(found, "the settings have what every mail needs")


def leaving(subject: Subject) -> Diagnosis:
    """Whether readers of a real mail have a way to unsubscribe."""
    if fault := no_way_out(subject.project.settings, rehearsal=False):
        return error(fault.message, fault.hint or "")
    return ok("readers can unsubscribe")


def people(subject: Subject) -> int:
    """How many would get an issue for everybody, 0 where no records tell."""
    store = subject.readable
    return list_size.count(store, since=subject.now).mailable if store else 0
