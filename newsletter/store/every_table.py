"""All tables together, for whoever makes, copies or compares them.

A table is in the metadata once its module is loaded, and a command loads those it reads.
"""

from __future__ import annotations

from newsletter.store import rating_tables, signup_tables
from newsletter.store.tables import metadata

__all__ = ["metadata", "rating_tables", "signup_tables"]
