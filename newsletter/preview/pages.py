"""The preview's templates, and the files that its pages ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from newsletter.server.templates import Templates

TEMPLATES: Final = Templates(Path(__file__).with_name("templates"))
STATIC: Final = Path(__file__).with_name("static")
