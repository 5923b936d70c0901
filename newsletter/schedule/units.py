"""What makes a machine call `send --due` again and again, ready to install.

Each text is complete: the folder, the program, an update from git where there is git, and a first
line that says where it goes. docs/triggers/ tells how to install each and what it cannot do.
"""

from __future__ import annotations

import html
import json
import shlex
from enum import StrEnum
from typing import Final, NamedTuple

#: How one learns what calls.
TIMERS: Final = "newsletter schedule --print systemd shows one (or cron, launchd, github)"
_MINUTES: Final = 10
_WORDS: Final = ("--no-input", "send", "--due", "--yes")
_NAME: Final = "newsletter-due"
_LABEL: Final = "org.newsletter.due"


class TriggerKind(StrEnum):
    """What calls."""

    SYSTEMD = "systemd"
    CRON = "cron"
    LAUNCHD = "launchd"
    GITHUB = "github"
    EVENTBRIDGE = "eventbridge"


class UnitPlace(NamedTuple):
    """Where it runs.

    Attributes:
        folder: the newsletter's folder, absolute.
        program: the console script, absolute.
        git: git, absolute, or "" where there is none; it fetches what was approved elsewhere.
    """

    folder: str
    program: str
    git: str = ""


def units(kind: TriggerKind, place: UnitPlace) -> str:
    """The text of one kind for one place, ending in a line feed."""
    return _KINDS[kind](place)


def _systemd(place: UnitPlace) -> str:
    folder = systemd_word(place.folder)
    # A pull that hangs would keep the timer from calling ever again.
    pull = (
        f"ExecStartPre=-/usr/bin/env timeout 300 {systemd_word(place.git)} -C {folder} "
        "pull --quiet --ff-only\n"
    )
    return f"""\
# ~/.config/systemd/user/{_NAME}.service
[Unit]
Description=Send the newsletter that is due

[Service]
Type=oneshot
WorkingDirectory={place.folder.replace("%", "%%")}
{pull if place.git else ""}\
ExecStart={systemd_program(place.program)} -C {folder} {" ".join(_WORDS)}
# A stop lets what is in flight finish, and the next call goes on.
SuccessExitStatus=143
TimeoutStopSec=120

# ~/.config/systemd/user/{_NAME}.timer
[Unit]
Description=Call the newsletter every ten minutes

[Timer]
OnCalendar=*:0/{_MINUTES}
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def _cron(place: UnitPlace) -> str:
    # In a crontab an unescaped % ends the command (crontab(5)).
    command = _shell(place).replace("%", "\\%")
    return f"# crontab -e\n*/{_MINUTES} * * * * {command}\n"


def _launchd(place: UnitPlace) -> str:
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- ~/Library/LaunchAgents/{_LABEL}.plist -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{_LABEL}</string>
  <key>ProgramArguments</key>
  <array>
    <string>/bin/sh</string>
    <string>-c</string>
    <string>{html.escape(_shell(place), quote=False)}</string>
  </array>
  <key>WorkingDirectory</key>
  <string>{html.escape(place.folder, quote=False)}</string>
  <key>StartInterval</key>
  <integer>{_MINUTES * 60}</integer>
  <key>RunAtLoad</key>
  <true/>
  <key>StandardOutPath</key>
  <string>{html.escape(place.folder, quote=False)}/.newsletter/due.log</string>
  <key>StandardErrorPath</key>
  <string>{html.escape(place.folder, quote=False)}/.newsletter/due.log</string>
</dict>
</plist>
"""


def _github(place: UnitPlace) -> str:
    return f"""\
# .github/workflows/{_NAME}.yml
name: Send the newsletter that is due
on:
  schedule:
    - cron: "7,22,37,52 * * * *"
  workflow_dispatch:
# Never two at once, and none is cut off.
concurrency:
  group: {_NAME}
  cancel-in-progress: false
jobs:
  send:
    # The runner on the machine that keeps the records; one of GitHub's own forgets its disk.
    runs-on: self-hosted
    timeout-minutes: 1440
    steps:
      - run: {json.dumps(_shell(place), ensure_ascii=False)}
"""


def _eventbridge(place: UnitPlace) -> str:
    """The input of `aws scheduler create-schedule`: a command on an EC2 machine, by SSM."""
    # SSM runs it as root, whose files the newsletter's owner could not write afterwards.
    owner = f'"$(stat -c %U {shlex.quote(place.folder)})"'
    command = {
        "DocumentName": "AWS-RunShellScript",
        "InstanceIds": ["i-INSTANCE"],
        "TimeoutSeconds": 600,
        "Parameters": {
            "commands": [f"runuser -u {owner} -- sh -c {shlex.quote(_shell(place))}"],
            "executionTimeout": ["172800"],
        },
    }
    whole = {
        "Name": _NAME,
        "Description": "Calls the newsletter every ten minutes",
        "ScheduleExpression": f"rate({_MINUTES} minutes)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:ssm:sendCommand",
            "RoleArn": "arn:aws:iam::ACCOUNT:role/newsletter-due",
            "Input": json.dumps(command),
            # A call that is late is another call; there is one every ten minutes.
            "RetryPolicy": {"MaximumRetryAttempts": 0},
        },
    }
    return json.dumps(whole, indent=2) + "\n"


def _shell(place: UnitPlace) -> str:
    """One line for a shell: take in what was pushed, then call."""
    words = [place.program, "-q", "-C", place.folder, *_WORDS]
    call = shlex.join(words)
    if not place.git:
        return call
    return f"{shlex.join([place.git, '-C', place.folder, 'pull', '-q', '--ff-only'])}; {call}"


def systemd_word(word: str) -> str:
    """One word of a command line (systemd.service(5), "Command lines")."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{safe}"' if safe != word or " " in word or "'" in word else word


def systemd_program(path: str) -> str:
    """The first word of a command line, in which systemd reads neither "$$" nor backslashes."""
    plain = systemd_word(path)
    return plain if plain == path else f"/usr/bin/env {plain}"


_KINDS: Final = {
    TriggerKind.SYSTEMD: _systemd,
    TriggerKind.CRON: _cron,
    TriggerKind.LAUNCHD: _launchd,
    TriggerKind.GITHUB: _github,
    TriggerKind.EVENTBRIDGE: _eventbridge,
}
