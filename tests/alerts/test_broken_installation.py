"""What cannot render a letter can still tell its owner so."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes


def test_a_trigger_and_its_notifier_load_without_what_renders_a_letter():
    missing = ("mjml", "premailer", "jinja2", "boto3")
    program = f"import sys; sys.modules |= dict.fromkeys({missing}); import newsletter.cli.trigger"
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
