"""Templates of the pages; whatever is put into one is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"

_templates: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_templates.filters["thousands"] = lambda number: f"{number:,}"


def load() -> None:
    """Read all templates, so that a page needs no file any more: a flood may leave none to open."""
    for name in _templates.list_templates(extensions=["html", "css"]):
        _templates.get_template(name)


def page(name: str, /, **values: object) -> str:
    """Fill the template `name` with `values`."""
    return _templates.get_template(name).render(values)
