"""Whether a list in `subscribers/` is still as it was when it was imported."""

from __future__ import annotations

from pathlib import Path

from newsletter.errors import InputError
from newsletter.project import Project, files
from newsletter.reporter import Reporter
from newsletter.store import Store
from newsletter.store.imported import imported_hash


def warn_of_changed_lists(project: Project, store: Store, reporter: Reporter) -> None:
    """Lists are only ever imported: one that changed since is not what will be mailed."""
    for name in changed_lists(project, store):
        reporter.warn(f"{name} changed since it was imported; the records are what counts")


def changed_lists(project: Project, store: Store) -> tuple[str, ...]:
    """The lists in `subscribers/` that are not as they were when they were imported."""
    named = ((files.list_name(project.root, path), path) for path in files.list_files(project.root))
    imported = ((name, path, imported_hash(store, name)) for name, path in named)
    return tuple(
        name for name, path, known in imported if known is not None and known != _hash(path)
    )


def _hash(path: Path) -> str:
    try:
        return files.look_through(path).sha256
    except InputError:
        # It was imported once, so it has changed; nobody reads it now.
        return ""
