"""Every setting is read by something: what nobody reads is a promise that nobody keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

import newsletter
from newsletter.settings.registry import GROUPS, SETTINGS
from tests.support.setting_readers import MODELS, reads, reads_below


@pytest.fixture(scope="module")
def read():
    return reads_below(Path(newsletter.__file__).parent)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.key)
def test_every_setting_has_a_reader(setting, read):
    group = GROUPS[setting.path[:-1]]
    assert (group, setting.path[-1]) in read, f"nothing reads {setting.key}"


@pytest.mark.parametrize(
    "source",
    [
        "def f(settings):\n    return settings.transport.ses.region",
        "def f(self):\n    return self._settings.transport.ses.region",
        "def f(chosen: Settings):\n    return chosen.transport.ses.region",
        "def f(ses: SesSettings):\n    return ses.region",
        "def f(settings):\n    ses, smtp = settings.transport.ses, settings.transport.smtp\n    return ses.region",
        "settings = load(None)\nif group := settings.transport:\n    print(group.ses.region)",
    ],
)
def test_a_read_is_followed_from_wherever_settings_come(source):
    assert (MODELS["SesSettings"], "region") in reads(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f(client):\n    return client.region",
        "def f(settings, ses):\n    ses = client()\n    return ses.region",
        "def f(settings):\n    settings.transport.ses.region = 'x'",
        "def f(settings):\n    ses = settings.transport.ses\ndef g(ses):\n    return ses.region",
        "def f(settings):\n    return settings.region",
    ],
)
def test_what_only_looks_like_a_setting_is_no_read_of_it(source):
    assert (MODELS["SesSettings"], "region") not in reads(source)
