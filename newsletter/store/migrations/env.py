"""Alembic's door: migrates over the connection, and in the transaction, it is handed."""

from __future__ import annotations

from alembic import context

from newsletter.store.every_table import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
