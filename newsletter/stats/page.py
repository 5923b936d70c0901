"""The page of numbers: one file without a script, a font or a request.

No address and no small domain stands in it, so it may be handed on.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from newsletter.stats.chart import Chart
from newsletter.stats.figures import of_issue, over_time
from newsletter.stats.issues import IssueReport, Overview, unusual, watch
from newsletter.stats.markup import Element, el

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b2430;--soft:#59636f;--line:#c9c4b8;--a:#14606f;\
--b:#8a5a00;--tint:#d5e5e8}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e6e9ec;--soft:#a2adb8;\
--line:#47525e;--a:#7cc7d6;--b:#f0c36d;--tint:#20414a}}
*{box-sizing:border-box}
body{margin:0 auto;padding:16px;max-width:60rem;background:var(--paper);color:var(--ink);\
font:16px/1.5 ui-sans-serif,system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.1rem;margin:0}
a{color:var(--a)}
p{margin:.25rem 0}
.big{display:flex;flex-wrap:wrap;gap:8px 32px;margin:16px 0;padding:0}
.big div{min-width:7rem}
dt{color:var(--soft);font-size:.875rem}
dd{margin:0;font-size:1.5rem;font-variant-numeric:tabular-nums}
figure{margin:32px 0;break-inside:avoid}
figcaption p{max-width:40rem}
svg{display:block;overflow:visible;margin-top:8px;color:var(--b)}
svg text{fill:var(--soft);font-size:12px}
.a{fill:var(--a)}
.b{stroke:var(--b)}
.area{fill:var(--tint)}
.line{fill:none;stroke:var(--a);stroke-width:2;vector-effect:non-scaling-stroke}
.base{stroke:var(--soft)}
.tick{stroke:var(--soft)}
.bound{stroke:var(--b);stroke-width:1.5;stroke-dasharray:5 3}
.dot{fill:var(--ink);stroke:var(--paper)}
.legend{color:var(--soft);font-size:.875rem}
li p{white-space:pre-line}
.wide{overflow-x:auto}
.wide:focus-visible,summary:focus-visible{outline:2px solid var(--a)}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:2px 10px 2px 0;text-align:end;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:start}
summary{cursor:pointer;color:var(--a);margin-top:8px}
footer{margin-top:32px;color:var(--soft);font-size:.875rem}
@media print{body{padding:0;max-width:none}@page{size:A4;margin:15mm}\
details::details-content{content-visibility:visible;display:block}summary{display:none}}
"""

_NOT: Final = "not reported"
_FOOTER: Final = (
    "Counted on {:%Y-%m-%d}, without watching a reader: no opens, no tracking pictures."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the same page has besides where it is served and kept up to date.

    Attributes:
        script: the address of the script.
        links: other pages: address and words.
    """

    script: str
    links: Sequence[tuple[str, str]]


def policy(*, script: bool = False) -> str:
    """The page's Content-Security-Policy: its own style, and nothing else."""
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    own = " script-src 'self'; connect-src 'self';" if script else ""
    return (
        f"default-src 'none';{own} style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    )


def page(
    found: Overview | IssueReport, name: str, *, now: dt.datetime, live: Live | None = None
) -> str:
    """The whole page.

    Args:
        found: the figures.
        name: the newsletter's.
        now: when they were counted, in the time zone whose hours are shown.
        live: where it is served.
    """
    if isinstance(found, IssueReport):
        title, charts = f"{name}: issue {found.issue}", list(of_issue(found, now.tzinfo))
        numbers, told = _issue_numbers(found), unusual(found)
    else:
        title, charts = f"{name}: the numbers", list(over_time(found))
        numbers, told = _list_numbers(found), _reputation(found)
    parts: list[Element] = [el("h1", title), _definitions(numbers)]
    sentences = (el("p", sentence[0].upper() + sentence[1:] + ".") for sentence in told)
    parts.append(el("div", {"data-live": ""}, *sentences, id="told"))
    parts += [_figure(chart) for chart in charts]
    if live and isinstance(found, IssueReport):
        parts.append(_written(found))
    main = el("main", *parts)
    return _document(title, main, now, live)


def _document(title: str, main: Element, now: dt.datetime, live: Live | None) -> str:
    head = [
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="robots", content="noindex"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", STYLE),
    ]
    body = [
        main,
        el("footer", el("p", _FOOTER.format(now))),
    ]
    if live is None:
        rules = el("meta", content=policy())
        rules.set("http-equiv", "Content-Security-Policy")
        head.insert(1, rules)
    else:
        head.append(el("script", type="module", src=live.script))
        links = [el("p", el("a", words, href=address)) for address, words in live.links]
        body.insert(0, el("nav", *links))
        body[0].set("aria-label", "Pages")
    whole = el("html", el("head", *head), el("body", *body), lang="en")
    version = hashlib.sha256(etree.tostring(main)).hexdigest()[:16]
    whole[1].set("data-version", version)
    return (
        str(etree.tostring(whole, method="html", encoding="unicode", doctype="<!doctype html>"))
        + "\n"
    )


def _written(found: IssueReport) -> Element:
    """What readers wrote: for the author's eyes, so not in a file that may be handed on."""
    rated = found.stats.ratings
    said = el("section", {"data-live": ""}, id="written")
    if rated and rated.words:
        said.append(el("h2", "What readers wrote"))
        rows = (
            el("li", el("strong", rated.labels[one.answer]), el("p", {"dir": "auto"}, one.text))
            for one in rated.words
        )
        said.append(el("ul", *rows))
    return said


def _definitions(numbers: Mapping[str, str]) -> Element:
    rows = [el("div", el("dt", name), el("dd", number)) for name, number in numbers.items()]
    return el("dl", {"class": "big", "data-live": ""}, *rows, id="totals")


def _figure(chart: Chart) -> Element:
    words = el("p", {"data-live": ""}, chart.finding, id=f"{chart.key}-finding")
    caption = el("figcaption", el("h2", chart.title), words)
    found = el("figure", caption, id=chart.key)
    if chart.picture is not None:
        found.append(chart.picture)
    if chart.legend:
        found.append(
            el(
                "p",
                {"class": "legend"},
                ", ".join(f"{mark} {words}" for mark, words in chart.legend),
            )
        )
    if chart.table.rows:
        found.append(el("details", el("summary", "The numbers"), _scrolling(chart)))
    return found


def _scrolling(chart: Chart) -> Element:
    heads = [el("th", head, scope="col") for head in chart.table.heads]
    rows = [el("tr", *(el("td", _cell(value)) for value in row)) for row in chart.table.rows]
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows))
    table.set("data-table", chart.table.name)
    found = el("div", {"class": "wide", "data-live": ""}, table, tabindex="0", role="region")
    found.set("id", f"{chart.key}-table")
    found.set("aria-label", chart.title)
    return found


def _cell(value: object) -> str:
    if value is None:
        return _NOT
    return f"{value:,}" if isinstance(value, int) else str(value)


def _list_numbers(found: Overview) -> dict[str, str]:
    growth = found.growth
    return {
        "active": f"{growth.active:,}",
        "in 30 days": f"{growth.since(growth.last - dt.timedelta(days=30)):+,}",
        "in 365 days": f"{growth.since(growth.last - dt.timedelta(days=365)):+,}",
        "pending": f"{found.pending:,}",
        "suppressed": f"{sum(found.suppressed.values()):,}",
    }


def _reputation(found: Overview) -> tuple[str, ...]:
    judged = watch(found.issues)
    return (judged.finding,) if judged else ()


def _issue_numbers(found: IssueReport) -> dict[str, str]:
    stats = found.stats
    numbers = {"recipients": f"{sum(stats.funnel.values()):,}"}
    for name, number in stats.totals.items():
        numbers[name] = _NOT if name in stats.silent else f"{number:,}"
    return numbers
