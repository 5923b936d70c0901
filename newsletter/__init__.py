"""A newsletter in a git folder: composed, delivered and recorded. This is the map of the house.

Faces: people meet them; they parse, ask and show
    cli         the command line
    preview     the author's browser
    site        the readers' browser: subscribing, leaving, preferences
    workers     many machines that send one issue

What it does: one room per thing that a person asks for
    doctor      whether all is well: machine, folder, records, way out
    sending     plan, gate, run, result; triggers, test mails, approve, cancel, retry
    publishing  the archive, its feeds, earlier addresses; past issues; pictures of mails
    signup      arriving: the form, confirmation mails, the welcome
    people      the list: import, export, add, remove, erase, show
    events      what Amazon SES reports: fetched, judged, reconciled
    alerts      what the owner is told: mail, webhook, heartbeat

Doors: each touches one thing outside
    server      a web application on a socket
    ses         Amazon SES: the transport, and what it reports
    s3          a bucket for pictures
    smtp        a mail server
    folder      a folder of .eml files, for rehearsals
    store       the records
    project     the author's folder: settings file, issues, theme, git, the ledger
    http        the one way out over HTTP
    domains     whether a domain takes mail, as the DNS says
    clocks      what time it is, and how long something took

Stages: values in, values out; no clock, no disk, no network
    settings    texts and a mapping      -> the settings, each declared once
    feedback    a provider's event       -> what it means for a delivery and an address
    stats       counts                   -> figures, shares, what is unusual
    delivery    Delivery + Outcome       -> its next state; claim, compose, hand over, settle
    message     FrozenIssue x Subscriber -> one MIME mail
    check       Issue + RenderedIssue    -> findings
    exports     an earlier service's     -> issues of the past
    schedule    rule, dates, records     -> what is due
    audience    who is eligible          -> the recipients of an issue
    render      Issue + Theme            -> RenderedIssue, once per issue
    pictures    a picture's file         -> the file that mails and pages show
    issue       text + front matter      -> Issue

Everybody may use
    errors      the tree of expected faults, with their exit codes
    humanize    numbers and lengths of time, as people say them
    moments     days and moments, read in one place
    networks    which addresses belong to the world
    reporter    hears what happens while something long goes on
    slugs       words as they stand in file names and anchors
    text_rules  what may stand in a header

A storey knows those below it and none above; in the contracts of pyproject.toml that is executed.
The life of one mail, in order, is told in docs/flow.md.
"""

from __future__ import annotations

__version__ = "0.1.0"
