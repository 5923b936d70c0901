"""Whether all is well with this machine, the newsletter's folder, its records and its way out.

`newsletter doctor` looks and changes nothing. A check is a function that answers with a diagnosis;
`examine` asks them, and leaves out those that something in disorder keeps from telling anything.

    diagnosis   what a check says
    subject     what is looked at
    machine     Python, SQLite, libraries
    folder      settings, files, room on the disk, git
    records     the store, its keys, the ledger, what is unknown, triggers, lists
    outside     the mail server, the AWS account, the events queue
    pages       the readers' pages, and the pictures of mails
    aws         what the SES account is set up with
    dns         what the DNS says of the sender's domain
    checks      all of them, in order, with what each needs
    asking      how they are asked
"""

from __future__ import annotations

from newsletter.doctor.asking import examine
from newsletter.doctor.checks import CHECKS, Check, CheckResult
from newsletter.doctor.diagnosis import Severity
from newsletter.doctor.subject import Subject

__all__ = ["CHECKS", "Check", "CheckResult", "Severity", "Subject", "examine"]
