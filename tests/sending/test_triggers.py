"""What `schedule --print` prints is taken by what is to run it, in folders of any name."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import crontab
import pytest
import yaml
from botocore.validate import ParamValidator

from newsletter.schedule.units import TriggerKind, UnitPlace, units
from tests.conftest import require
from tests.support.cli_fixtures import ROOT, Folder, folder, plain_environment

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

WORDS = ["--no-input", "send", "--due", "--yes"]
NAMES = ["letters", "my letters", '50% it\'s "so" $HOME `x` \\n']

#: Writes its own arguments, one per line, into the file beside it.
RECORDER = '#!/bin/sh\nprintf "%s\\n" "$@" >> "$0.said"\n'


@pytest.fixture(params=NAMES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> UnitPlace:
    """A folder of an odd name, with a program and a git that note what they are told."""
    there = tmp_path / request.param
    there.mkdir()
    for name in ("newsletter", "git"):
        (there / name).write_text(RECORDER)
        (there / name).chmod(0o755)
    return UnitPlace(folder=str(there), program=str(there / "newsletter"), git=str(there / "git"))


def said(program: str) -> list[str]:
    """What a program was told."""
    return Path(f"{program}.said").read_text().splitlines()


def expect_called(place: UnitPlace, *more: str) -> None:
    """git was told to pull, then the newsletter to send what is due."""
    assert said(place.git)[:3] == ["-C", place.folder, "pull"]
    assert said(place.program) == [*more, "-C", place.folder, *WORDS]


def in_a_shell(command: str) -> None:
    subprocess.run(["/bin/sh", "-c", command], check=True, env={"PATH": os.environ["PATH"]})


# --- systemd ---------------------------------------------------------------------------------


def unit_files(text: str) -> dict[str, str]:
    """The files of the printed text, by the name in the line above each."""
    _, *parts = re.split(r"(?m)^# ~/\.config/systemd/user/(\S+)\n", text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def verified(files: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    require(shutil.which("systemd-analyze"), "systemd is not on this machine")
    home = folder / "units"
    home.mkdir()
    for name, text in files.items():
        (home / name).write_text(text)
    return subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *sorted(map(str, home.iterdir()))],
        capture_output=True, text=True, check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
    )  # fmt: skip


def test_systemd_verifies_its_units(place, tmp_path):
    files = unit_files(units(TriggerKind.SYSTEMD, place))
    assert set(files) == {"newsletter-due.service", "newsletter-due.timer"}
    done = verified(files, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_say_what_is_wrong(tmp_path):
    nowhere = UnitPlace(folder="/nowhere", program="/nowhere/newsletter")
    done = verified(unit_files(units(TriggerKind.SYSTEMD, nowhere)), tmp_path)
    assert done.returncode != 0
    assert "/nowhere/newsletter is not executable" in done.stderr


def test_systemd_gives_each_word_as_it_is(place):
    service = unit_files(units(TriggerKind.SYSTEMD, place))["newsletter-due.service"]
    lines = dict(line.split("=", 1) for line in service.splitlines() if "=" in line)
    # The escapes of systemd.service(5) undone; what is left is quoted as in a shell.
    plain = {k: v.replace("%%", "%").replace("$$", "$") for k, v in lines.items()}
    start = [word.replace("\\$", "$") for word in shlex.split(plain["ExecStart"])]
    assert start[start[0] == "/usr/bin/env" :] == [place.program, "-C", place.folder, *WORDS]
    assert plain["WorkingDirectory"] == place.folder
    assert shlex.split(plain["ExecStartPre"])[:4] == ["-/usr/bin/env", "timeout", "300", place.git]


# --- cron and launchd ------------------------------------------------------------------------


def test_cron_calls_every_ten_minutes(place):
    (job,) = crontab.CronTab(tab=units(TriggerKind.CRON, place))
    assert job.is_valid()
    assert str(job.slices) == "*/10 * * * *"
    in_a_shell(job.command.replace("\\%", "%"))
    expect_called(place, "-q")


def test_launchd_calls_every_ten_minutes(place):
    plist = plistlib.loads(units(TriggerKind.LAUNCHD, place).encode())
    assert (plist["StartInterval"], plist["WorkingDirectory"]) == (600, place.folder)
    shell, flag, command = plist["ProgramArguments"]
    assert (shell, flag) == ("/bin/sh", "-c")
    in_a_shell(command)
    expect_called(place, "-q")


# --- GitHub and AWS --------------------------------------------------------------------------


def test_github_runs_it_where_the_records_are(place):
    # BaseLoader: YAML 1.1 takes the key "on" for a truth, GitHub does not.
    workflow = yaml.load(
        units(TriggerKind.GITHUB, place), Loader=yaml.BaseLoader
    )  # makes texts only
    assert set(workflow) == {"name", "on", "concurrency", "jobs"}
    (trigger,) = workflow["on"]["schedule"]
    crontab.CronSlices(trigger["cron"])
    assert workflow["concurrency"]["cancel-in-progress"] == "false"
    (job,) = workflow["jobs"].values()
    assert job["runs-on"] == "self-hosted"
    (step,) = job["steps"]
    in_a_shell(step["run"])
    expect_called(place, "-q")


def shape(service: str, operation: str) -> Any:
    model = botocore.session.Session().get_service_model(service)
    return model.operation_model(operation).input_shape


def test_eventbridge_takes_the_schedule_and_ssm_the_command(place):
    schedule = json.loads(units(TriggerKind.EVENTBRIDGE, place))
    validator = ParamValidator()
    assert not validator.validate(schedule, shape("scheduler", "CreateSchedule")).has_errors()
    assert schedule["ScheduleExpression"] == "rate(10 minutes)"
    command = json.loads(schedule["Target"]["Input"])
    assert not validator.validate(command, shape("ssm", "SendCommand")).has_errors()
    (line,) = command["Parameters"]["commands"]
    # Whoever is root here stands in for the owner.
    in_a_shell(f'runuser() {{ shift 3; "$@"; }}; {line}')
    expect_called(place, "-q")


# --- the command -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TriggerKind)
def test_the_command_prints_it_for_this_very_folder(folder: Folder, kind: TriggerKind):
    ran = folder.run("schedule", "--print", kind.value)
    assert ran.code == 0
    assert shlex.quote(str(folder.root)) in ran.out
    assert "send --due --yes" in ran.out


def test_a_clock_is_not_trusted_beside_what_is_printed(folder: Folder):
    ran = folder.run("schedule", "--print", "cron", "--trust-clock")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == "error: --print and --trust-clock do not go together"


def test_what_cron_gets_runs_in_the_real_folder(folder: Folder):
    folder.imported()
    (job,) = crontab.CronTab(tab=folder.run("schedule", "--print", "cron").out)
    done = subprocess.run(
        ["/bin/sh", "-c", job.command.rpartition("; ")[2]],
        cwd="/", capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_each_kind_has_a_page():
    for kind in TriggerKind:
        page = (ROOT / f"docs/triggers/{kind.value}.md").read_text("utf-8")
        assert f"newsletter schedule --print {kind.value}" in page
        assert [line for line in page.splitlines() if line.startswith("## ")] == [
            "## Install", "## Logs", "## What it cannot do",
        ]  # fmt: skip
