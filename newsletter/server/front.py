"""What keeps `newsletter serve` running on a server, and what stands in front of it with https.

Each text is complete, with a first line that says where it goes; docs/hosting.md walks through all
of them on a bare machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import idna

from newsletter.errors import InputError, Place
from newsletter.schedule.units import systemd_program, systemd_word

_SERVE: Final = "newsletter-serve"
_EVENTS: Final = "newsletter-events"
_WORKER: Final = "newsletter-worker"
#: An answer of a mail server is waited for a minute, and the records for half of one.
_UNHURRIED: Final = """\
# A stop lets what is in flight finish.
TimeoutStopSec=120
"""
_HTTPS: Final = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCommand:
    """A command that runs for good.

    Attributes:
        folder: the newsletter's folder, absolute.
        program: the console script, absolute.
        words: the command's words behind the folder.
    """

    folder: str
    program: str
    words: Sequence[str]


def serve_unit(service: ServiceCommand) -> str:
    """A systemd unit for the pages; it ends in a line feed."""
    return _unit(_SERVE, "Pages of the newsletter for its readers", service)


def events_unit(service: ServiceCommand) -> str:
    """A systemd unit that fetches what the provider reports; it ends in a line feed."""
    return _unit(_EVENTS, "Fetch what became of the newsletter's mails", service)


def worker_unit(service: ServiceCommand) -> str:
    """A systemd unit for one of several machines that send; it ends in a line feed."""
    return _unit(_WORKER, "Help to send the newsletter's issues", service, more=_UNHURRIED)


def _unit(name: str, description: str, service: ServiceCommand, *, more: str = "") -> str:
    command = " ".join(systemd_word(word) for word in service.words)
    return f"""\
# ~/.config/systemd/user/{name}.service
[Unit]
Description={description}

[Service]
WorkingDirectory={service.folder.replace("%", "%%")}
ExecStart={systemd_program(service.program)} -C {systemd_word(service.folder)} {command}
Restart=always
RestartSec=5
{more}\
# A connection is a descriptor, and the command takes as many as it may have.
LimitNOFILE=65536
NoNewPrivileges=true

[Install]
WantedBy=default.target
"""


def upstream(host: str, port: int) -> str:
    """Where a proxy finds `serve`: a machine's "any address" is reached by its loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # recognised, not bound
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def caddy(public_url: str, upstream: str) -> str:
    """A site for Caddy, which gets its certificate by itself.

    Args:
        public_url: `site.public_url`: https, a host, perhaps a port and a path.
        upstream: host and port that `serve` listens on.

    Raises:
        InputError: its host is no name on the internet.
    """
    site = _site(public_url)
    address = site.host if site.port == _HTTPS else f"{site.host}:{site.port}"
    handle = f"handle_path {site.path}/* {{" if site.path else "handle {"
    return f"""\
# /etc/caddy/Caddyfile
# No access log: the links in your mails are keys, and a log would keep them.
{address} {{
	{handle}
		reverse_proxy {upstream}
	}}
}}
"""


def nginx(public_url: str, upstream: str) -> str:
    """A site for nginx; the certificate is certbot's.

    Args:
        public_url: `site.public_url`: https, a host, perhaps a port and a path.
        upstream: host and port that `serve` listens on.

    Raises:
        InputError: its host is no name on the internet.
    """
    site = _site(public_url)
    # With a path behind its address, nginx puts that in the place of the location's.
    target = f"http://{upstream}/" if site.path else f"http://{upstream}"
    return f"""\
# /etc/nginx/conf.d/newsletter.conf
server {{
    listen 80;
    listen [::]:80;
    server_name {site.host};
    access_log off;
    error_log /var/log/nginx/error.log crit;
    return 301 https://$host$request_uri;
}}
server {{
    listen {site.port} ssl http2;
    listen [::]:{site.port} ssl http2;
    server_name {site.host};
    ssl_certificate /etc/letsencrypt/live/{site.host}/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/{site.host}/privkey.pem;
    # The links in your mails are keys, and a log would keep them.
    access_log off;
    error_log /var/log/nginx/error.log crit;
    client_max_body_size 64k;
    location {site.path}/ {{
        proxy_pass {target};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        # What a visitor says of where they come from counts for nothing.
        proxy_set_header X-Forwarded-For $remote_addr;
    }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    host: str
    port: int
    path: str


def _site(public_url: str) -> _Site:
    if not public_url:
        raise InputError(
            "site.public_url is not set, so nobody knows which address to serve",
            place=Place("newsletter.toml"),
            hint='set it, for example: public_url = "https://letters.example.org"',
        )
    parts = urlsplit(public_url)
    try:
        host = idna.encode(parts.hostname or "", uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise InputError(
            f"{parts.hostname} is not the name of a host on the internet",
            place=Place("newsletter.toml"),
            hint="set site.public_url to the address that readers will use",
        ) from error
    return _Site(host=host, port=parts.port or _HTTPS, path=parts.path)
