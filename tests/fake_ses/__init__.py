"""A fake Amazon SES for tests: a real HTTP server that speaks SESv2, counts, and misbehaves on order.

docs/fake-ses.md tells how to use it, in a test and by hand.
"""

from __future__ import annotations

from .account import Settings
from .faults import Fault
from .record import Mail, State
from .server import FakeSes
from .signature import ACCESS_KEY, SECRET_KEY

__all__ = ["ACCESS_KEY", "SECRET_KEY", "FakeSes", "Fault", "Mail", "Settings", "State"]
