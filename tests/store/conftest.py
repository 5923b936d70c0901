"""The store's tests ask for `dialect` where what they say holds for both databases."""

from __future__ import annotations

from tests.support.store_samples import dialect

__all__ = ["dialect"]
