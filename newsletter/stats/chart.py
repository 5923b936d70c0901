"""Charts as inline SVG: what to see, a sentence that says it, and the same numbers as a table.

Positions along a chart are shares of its width, heights are pixels: so text keeps its size on a
phone and on a wide screen. Colours are the page's variables (see `page`); series differ by shade
and pattern, and bars start at 0. What is not known is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from newsletter.stats.markup import Element, el

#: Pixels of a line of text, and of a chart's plot.
_TEXT: Final = 16
_PLOT: Final = 140
_ROW: Final = 56
_WIDE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The numbers of a chart.

    Attributes:
        name: as in `--json`.
        heads: of the columns, as in `--json`.
        rows: as long as the heads; None is what was not reported.
    """

    name: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One figure.

    Attributes:
        key: unique in its page.
        title: what is shown.
        finding: what it says, in a sentence.
        picture: the SVG, None where there is nothing to draw.
        legend: which mark is which: class of the mark, and words.
        table: the numbers.
    """

    key: str
    title: str
    finding: str
    picture: Element | None
    table: Table
    legend: Sequence[tuple[str, str]] = ()


def svg(key: str, title: str, finding: str, height: float, marks: Iterable[Element]) -> Element:
    """A picture with its name and what it says, for whoever cannot see it."""
    picture = el(
        "svg",
        el("title", title, id=f"{key}-title"),
        el("desc", finding, id=f"{key}-desc"),
        hatch(key),
        *marks,
        role="img",
        id=f"{key}-picture",
        width="100%",
        height=f"{height:g}",
    )
    picture.set("aria-labelledby", f"{key}-title {key}-desc")
    return picture


def hatch(key: str) -> Element:
    """The second series' pattern: told apart without any colour."""
    line = el("path", d="M0 6L6 0", stroke="currentColor")
    line.set("stroke-width", "1.5")
    pattern = el(
        "pattern", line, id=f"{key}-hatch", width="6", height="6", patternUnits="userSpaceOnUse"
    )
    return el("defs", pattern)


def text(words: str, x: float, y: float, anchor: str = "start") -> Element:
    """A label; x in percent of the width."""
    label = el("text", words, x=f"{x:g}%", y=f"{y:g}")
    label.set("text-anchor", anchor)
    return label


def box(kind: str, *, x: float, y: float, size: tuple[float, float], fill: str = "") -> Element:
    """A bar; x and the first of its size in percent of the width."""
    width, height = size
    found = el(
        "rect",
        {"class": kind},
        x=f"{x:.2f}%",
        y=f"{y:.1f}",
        width=f"{width:.2f}%",
        height=f"{height:.1f}",
    )
    if fill:
        found.set("fill", f"url(#{fill})")
    return found


def rule(y: float, kind: str = "base") -> Element:
    """A line across the chart."""
    return el("line", {"class": kind}, x1="0", x2="100%", y1=f"{y:.1f}", y2=f"{y:.1f}")


def area(
    points: Sequence[tuple[float, float]], ticks: Sequence[float], ends: tuple[str, str]
) -> tuple[float, list[Element]]:
    """A line over time, filled below.

    Args:
        points: place (0 to 1) and number, in order; a number holds until the next.
        ticks: places of what happened, such as an issue.
        ends: words for the first and the last place.

    Returns:
        the height, and the marks.
    """
    most = max((number for _, number in points), default=0) or 1
    steps: list[str] = []
    before = points[0][1]
    for place, number in points:
        x = place * _WIDE
        steps += [
            f"{x:.1f},{_PLOT * (1 - before / most):.1f}",
            f"{x:.1f},{_PLOT * (1 - number / most):.1f}",
        ]
        before = number
    line = " ".join(steps)
    plot = el("svg", el("polygon", {"class": "area"}, points=f"0,{_PLOT} {line} {_WIDE},{_PLOT}"),
        el("polyline", {"class": "line"}, points=line),
        x="0", y=f"{_TEXT}", width="100%", height=f"{_PLOT}",
        viewBox=f"0 0 {_WIDE} {_PLOT}", preserveAspectRatio="none",
    )  # fmt: skip
    base = _TEXT + _PLOT
    marks = [plot, rule(base)]
    places = [f"{at * 100:.2f}%" for at in ticks]
    marks += [
        el("line", {"class": "tick"}, x1=at, x2=at, y1=f"{base}", y2=f"{base + 6}") for at in places
    ]
    low = base + _TEXT + 6
    marks += [
        text(f"{most:,.0f}", 0, _TEXT - 4),
        text(f"now {points[-1][1]:,.0f}", 100, _TEXT - 4, "end"),
        text(ends[0], 0, low),
        text(ends[1], 100, low, "end"),
    ]
    return low + 4, marks


def up_and_down(
    key: str, columns: Sequence[tuple[int, int]], ends: tuple[str, str]
) -> tuple[float, list[Element]]:
    """Bars up and down from one base line, and their sum as a dot.

    Args:
        key: of the chart.
        columns: how much up and how much down, in order.
        ends: words for the first and the last.
    """
    highest = max((up for up, _ in columns), default=0)
    lowest = max((down for _, down in columns), default=0)
    scale = _PLOT / ((highest + lowest) or 1)
    base = _TEXT + highest * scale
    step = 100 / max(len(columns), 1)
    marks: list[Element] = []
    for i, (up, down) in enumerate(columns):
        x, wide = (i + 0.15) * step, step * 0.7
        marks.append(box("a", x=x, y=base - up * scale, size=(wide, up * scale)))
        marks.append(box("b", x=x, y=base, size=(wide, down * scale), fill=f"{key}-hatch"))
        marks.append(
            el(
                "circle",
                {"class": "dot"},
                cx=f"{x + wide / 2:.2f}%",
                cy=f"{base - (up - down) * scale:.1f}",
                r="3",
            )
        )
    low = _TEXT + _PLOT + _TEXT + 2
    marks += [
        rule(base),
        text(f"{highest:,} at most", 0, _TEXT - 4),
        text(f"{lowest:,} at most", 0, low),
        text(ends[0], 0, low + _TEXT + 2),
        text(ends[1], 100, low + _TEXT + 2, "end"),
    ]
    return low + _TEXT + 6, marks


def parts_of(
    key: str, columns: Sequence[tuple[int, int]], ends: tuple[str, str]
) -> tuple[float, list[Element]]:
    """Columns with a part of each in front of it.

    Args:
        key: of the chart.
        columns: the whole and the part, in order.
        ends: words for the first and the last.
    """
    most = max((whole for whole, _ in columns), default=0) or 1
    base, step = _TEXT + _PLOT, 100 / max(len(columns), 1)
    marks: list[Element] = []
    for i, (whole, part) in enumerate(columns):
        x, wide = (i + 0.15) * step, step * 0.7
        tall, front = whole / most * _PLOT, part / most * _PLOT
        marks.append(box("b", x=x, y=base - tall, size=(wide, tall), fill=f"{key}-hatch"))
        marks.append(box("a", x=x, y=base - front, size=(wide, front)))
    low = base + _TEXT + 2
    marks += [rule(base), text(f"{most:,} at most", 0, _TEXT - 4)]
    marks += [text(ends[0], 0, low), text(ends[1], 100, low, "end")]
    return low + 4, marks


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """One of several small charts with the same places.

    Attributes:
        label: what is counted.
        numbers: in order, None is a gap.
        words: what to say beside them.
        bound: a line that matters, None for none.
    """

    label: str
    numbers: Sequence[float | None]
    words: str
    bound: float | None = None


def small_multiples(rows: Sequence[ChartRow], ends: tuple[str, str]) -> tuple[float, list[Element]]:
    """Columns in rows, one row for each thing that is counted, each with a scale of its own."""
    marks: list[Element] = []
    top = 0.0
    for row in rows:
        known = [number for number in row.numbers if number is not None]
        most = max(known, default=0.0)
        bound = row.bound if row.bound is not None and most > row.bound / 4 else None
        most = max(most, bound or 0.0) or 1.0
        base = top + _TEXT + _ROW
        step = 100 / max(len(row.numbers), 1)
        for i, number in enumerate(row.numbers):
            if number is not None:  # nothing is a thin line, and not known is none
                tall = max(number / most * _ROW, 1.0)
                marks.append(box("a", x=(i + 0.15) * step, y=base - tall, size=(step * 0.7, tall)))
        marks += [rule(base), text(row.label, 0, top + _TEXT - 4)]
        marks.append(text(row.words, 100, top + _TEXT - 4, "end"))
        if bound is not None:
            marks.append(rule(base - bound / most * _ROW, "bound"))
        top = base + 10
    marks += [text(ends[0], 0, top + _TEXT - 6), text(ends[1], 100, top + _TEXT - 6, "end")]
    return top + _TEXT, marks


def lying(rows: Sequence[tuple[str, float, str]]) -> tuple[float, list[Element]]:
    """Bars from left to right: a label, a share of the longest (0 to 1), the number in words."""
    marks: list[Element] = []
    for i, (label, length, words) in enumerate(rows):
        y = i * 34.0
        marks += [text(label, 0, y + 12), text(words, 100, y + 12, "end")]
        marks += [rule(y + 28), box("a", x=0, y=y + 18, size=(length * 100, 8))]
    return len(rows) * 34.0 + 2, marks
