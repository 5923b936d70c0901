"""The hosts that are told about earlier addresses; apart, so that naming them loads nothing."""

from __future__ import annotations

from enum import StrEnum


class Host(StrEnum):
    """Where a site may stand that has to be told about earlier addresses."""

    GITHUB = "github"
    NGINX = "nginx"
    CADDY = "caddy"
    NETLIFY = "netlify"
