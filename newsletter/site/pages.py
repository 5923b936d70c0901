"""The templates of the readers' pages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from newsletter.server.templates import Templates

TEMPLATES: Final = Templates(Path(__file__).with_name("templates"))
