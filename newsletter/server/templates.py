"""Templates of pages; whatever is put into one is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


class Templates:
    """The templates of one folder.

    Args:
        folder: where they lie; read when they are first used.
    """

    def __init__(self, folder: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters["thousands"] = lambda number: f"{number:,}"

    def load(self) -> None:
        """Read all of them, so that a page needs no file: a flood may leave none to open."""
        for name in self._environment.list_templates(extensions=["html", "css"]):
            self._environment.get_template(name)

    def fill(self, name: str, /, **values: object) -> str:
        """Fill the template `name` with `values`."""
        return self._environment.get_template(name).render(values)
