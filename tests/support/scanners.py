"""Programs that follow what stands in mails."""

from __future__ import annotations

#: How programs that look for harm in mails ask: methods, headers, bodies.
SCANNERS = [
    (method, headers, body)
    for method in ("GET", "HEAD", "OPTIONS", "POST")
    for headers in (
        {}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"},
        {"User-Agent": "BarracudaCentral"}, {"User-Agent": "Mozilla/5.0 (compatible; MSIE 9.0)"},
        {"X-Moz": "prefetch"}, {"Range": "bytes=0-99"}, {"Accept": "*/*"},
        {"Referer": "https://safelinks.example"}, {"X-HTTP-Method-Override": "POST"},
    )
    for body in ([None] if method != "POST" else [b"List-Unsubscribe=One-Click"])
]  # fmt: skip
