"""How long the oddest letters take that are not refused: to read, render and check, in CPU seconds.

    python benchmarks/odd_letters.py [name]

Each kind repeats one piece until the letter is as long as may be, then half of it, a quarter and so
on until it is accepted: the dearest letter of its kind that gets through. Time of the processor, so
that a busy machine changes little.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from figures import Figure, Share, note
from markdown_it import MarkdownIt
from shares import Timers

from newsletter.errors import InputError
from newsletter.project.issues import prepare_issue
from newsletter.render import limits
from newsletter.settings import ConfigText, load

ROOT: Final = Path(__file__).parents[1]
BOUND: Final = 2.0
HEAD: Final = "---\ntitle: An odd letter\ndate: 2026-11-22\n{}---\n{}\n"
LONGEST: Final = limits.CHARACTERS


def many(piece: str) -> Callable[[int], str]:
    """`piece` until it fills so many characters; `{n}` in it counts."""
    if "{n}" not in piece:
        return lambda size: piece * (size // len(piece))
    return lambda size: "".join(
        piece.replace("{n}", str(n)) for n in range(size // (len(piece) + 3))
    )


def nested(piece: str, end: str = "a\n") -> Callable[[int], str]:
    """Each line one step deeper than the one above."""
    return lambda size: "".join(
        piece * n + end for n in range(int((2 * size / len(piece)) ** 0.5) - 2)
    )


def table(columns: int) -> Callable[[int], str]:
    """A table that fills so many characters."""

    def made(size: int) -> str:
        row = columns * "|a" + "|\n"
        return row + columns * "|-" + "|\n" + row * (size // len(row))

    return made


KINDS: Final[dict[str, Callable[[int], str]]] = {
    "one word": many("a"),
    "words": many("word "),
    "lines": many("word\n"),
    "paragraphs": many("a\n\n"),
    "hard breaks": many("a\\\n"),
    "two-blank breaks": many("a  \n"),
    "headings": many("# a\n"),
    "underlined headings": many("a\n=\n"),
    "hr": many("***\n"),
    "hr apart": many("***\n\n"),
    "stars in a row": many("***"),
    "stars apart": many("*** "),
    "stars a": many("***a "),
    "em": many("*a* "),
    "em unclosed": many("*a "),
    "em under": many("_a_ "),
    "em closing": many("a* "),
    "strong": many("**a** "),
    "em mixed": many("*a _b "),
    "em mixed closing": many("*a **b* "),
    "strike": many("~~a~~ "),
    "strike unclosed": many("~~a "),
    "em nested": lambda size: "*a " * (size // 6) + "*" * (size // 6),
    "em in threes": lambda size: "a" + "**b" * (size // 6) + "c*" * (size // 6),
    "code": many("`a` "),
    "code unclosed": many("`a "),
    "ticks growing": lambda size: " ".join("`" * n for n in range(1, int((2 * size) ** 0.5) - 1)),
    "fences": many("```\na\n```\n"),
    "fence open": lambda size: "```\n" + "a\n" * (size // 2 - 4),
    "indented code": many("    a\n"),
    "open brackets": many("["),
    "close brackets": many("]"),
    "brackets": many("[a]"),
    "brackets nested": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "images nested": lambda size: "![" * (size // 3) + "](" + ")" * 9,
    "images nested closed": lambda size: "![" * (size // 9) + "a" + "](b)" * (size // 9),
    "links": many("[a](b) "),
    "links long": many("[a](https://x.example/b?c={n}) "),
    "link titles open": many('[a](b "'),
    "links open": many("[a]("),
    "links angle": many("[a](<b"),
    "links to fields": many("[a](https://x.example/{{ name }}) "),
    "autolinks": many("<https://x.example/> "),
    "autolinks open": many("<https://"),
    "mail links": many("<a@b.example> "),
    "images": many("![a](b.png) "),
    "images alone": many("![a](b.png)\n\n"),
    "images long": many("![a](https://x.example/{n}.png) "),
    "images captioned": many("![a](b.png)\n\n*a*\n\n"),
    "images in links": many("[![a](b.png)](c) "),
    "buttons": many("**[a](b)**\n\n"),
    "references": many("[a{n}]: https://x.example/{n}\n"),
    "references used": lambda size: (
        many("[a{n}]: /x\n")(size // 2) + "\n" + many("[a{n}] ")(size // 2)
    ),
    "references titled": many("[a{n}]: /x 'title'\n"),
    "references the same": many("[a]: /x\n"),
    "references open": many("[a]:\n"),
    "references of one, used": lambda size: "[a]: /x\n\n" + "[a] " * (size // 4 - 4),
    "references long": lambda size: f"[a]: /{'x' * (size // 2)}\n\n" + "[a] " * 200,
    "reference titles open": many("[a]: /x 'b\n"),
    "footnotes": many("a[^{n}]\n\n[^{n}]: b\n\n"),
    "footnotes inline": many("a^[b] "),
    "footnotes of one": lambda size: "[^a]: b\n\n" + "[^a] " * (size // 5 - 4),
    "footnotes undefined": many("[^{n}] "),
    "footnotes nested": many("^[a "),
    "list": many("- a\n"),
    "list loose": many("- a\n\n"),
    "list numbered": many("1. a\n"),
    "lists in turn": many("- a\n\n+ b\n\n"),
    "list in a line": many("- "),
    "tasks": many("- [ ] a\n"),
    "list nested": nested("  ", "- a\n"),
    "list numbered nested": nested("   ", "1. a\n"),
    "quotes": many("> a\n\n"),
    "quote in a line": many("> "),
    "quotes growing": nested("> "),
    "quotes shrinking": lambda size: "".join(
        "> " * n + "a\n" for n in range(int(size**0.5) - 2, 0, -1)
    ),
    "quotes and lists": many("> - "),
    "lists of quotes": nested("> - "),
    "callouts": many("> [!NOTE]\n> a\n\n"),
    "callouts nested": many("> [!NOTE]\n> "),
    "table 4": table(4),
    "table 200": table(200),
    "table 1": table(1),
    "tables": many("|a|\n|-|\n|b|\n\n"),
    "table heads": many("a|b\n"),
    "table of dashes": lambda size: "|" + "-|" * (size // 4) + "\n|" + "-|" * (size // 4),
    "entities": many("&amp;"),
    "entities numbered": many("&#65;"),
    "entities long": many("&CounterClockwiseContourIntegral;"),
    "entities unknown": many("&a;"),
    "ampersands": many("&"),
    "escapes": many("\\*"),
    "backslashes": many("\\"),
    "html inline": many("<b>a</b> "),
    "html open": many("<b>"),
    "html blocks": many("<p>a</p>\n\n"),
    "html divs open": many("<div>\n\n"),
    "html comments": many("<!-- a -->"),
    "html comments open": many("<!-- "),
    "html attributes": lambda size: "<p " + many("a{n}=b ")(size - 20) + ">\n",
    "html cdata open": many("<![CDATA["),
    "html questions open": many("<?"),
    "html tags open": many("<a "),
    "html declarations open": many("<!A "),
    "html styles": many('<td style="color: red">a</td>\n\n'),
    "html tables": many("<table><tr><td>a</table>\n\n"),
    "html images": many("<img src=a.png> "),
    "html links": many("<a href=b>a</a> "),
    "html spans": many("<span class=button>a</span> "),
    "html nested": lambda size: "<b>" * (size // 8) + "a" + "</b>" * (size // 8),
    "html lists nested": lambda size: "<ul><li>" * (size // 9),
    "fields": many("{{ name }} "),
    "fields open": many("{{ "),
    "fields unknown": many("{{ x{n} }} "),
    "braces": many("{"),
    "utm off": many("[a](b){utm=off} "),
    "utm off alone": many("{utm=off} "),
    "arabic": many("\u0645\u0631\u062d\u0628\u0627 "),
    "emoji": many("\U0001f9ea\u200d\u2697\ufe0f "),
    "accents": many("e\u0301"),
    "long url": lambda size: f"[a](https://x.example/{'a' * (size // 2)})",
    "long query": lambda size: "[a](https://x.example/?" + many("a{n}=b&")(size - 40) + ")",
    "percents": lambda size: f"[a](https://x.example/{'%' * (size // 2)})",
    "words in capitals": many("SALE NOW "),
    "marks": many("!!! "),
    "tabs": many("a\tb\t"),
    "spaces": lambda size: "a" + " " * (size - 9) + "b",
    "blank lines": lambda size: "a" + "\n" * (size - 9) + "b",
    "tabs indented": nested("\t"),
    "carriage": many("a\r"),
}

FRONTS: Final[dict[str, Callable[[int], str]]] = {
    "front keys": many("key{n}: value\n"),
    "front list": lambda size: "a:\n" + many("- b\n")(size),
    "front flow": lambda size: "a: [" + many("b, ")(size) + "]\n",
    "front brackets": lambda size: "a: " + "[" * (size - 9) + "\n",
    "front text": lambda size: f"subject: {'a' * (size - 20)}\n",
    "front table": lambda size: "a:\n" + many(" b{n}: c\n")(size),
    "front comments": many("# a\n"),
    "front block": lambda size: "a: |\n" + many(" b\n")(size),
    "front quotes": many("\"a{n}\": 'b'\n"),
    "front escapes": lambda size: 'a: "' + many("\\u0041")(size) + '"\n',
    "front of one table": many("a{n}: {b: c}\n"),
    "front tags": lambda size: "a: " + "!!str " * (size // 6),
    "front ignores": lambda size: "ignore:\n" + many("  x{n}: because\n")(size),
}


def main() -> None:
    """Print a line for each kind; exit 1 where one is over the bound."""
    wanted = sys.argv[1:]
    settings = load(ConfigText(file="newsletter.toml", text=_text("newsletter.toml")), environ={})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "issues").mkdir()
        shutil.copytree(ROOT / "templates", folder / "templates")
        issue = folder / "issues/900-odd.md"

        def cost(text: str) -> tuple[float, str]:
            issue.write_text(text, encoding="utf-8")
            begun = time.process_time()
            why = ""
            try:
                prepare_issue(folder, "issues/900-odd.md", settings, today=dt.date(2026, 11, 20))
            except InputError as error:
                why = str(error)
            return time.process_time() - begun, why

        cost(HEAD.format("", "Hello."))  # what is loaded once
        dearest, worst = 0.0, ""
        print(f"{'kind':36} {'characters':>10} {'accepted':>9} {'refused before':>15}")
        for kind, made in (KINDS | FRONTS).items():
            if wanted and kind not in wanted:
                continue
            size, refused = (LONGEST - 5 if kind in KINDS else 99_000), 0.0
            while True:
                piece = made(size)
                text = HEAD.format("", piece) if kind in KINDS else HEAD.format(piece, "Hello.")
                seconds, why = cost(text)
                if not why or size < 100:
                    break
                refused, size = max(refused, seconds), size // 2
            if max(seconds, refused) > dearest:
                dearest, worst = max(seconds, refused), text
            print(
                f"{kind:36} {len(text):10,} {seconds:7.2f} s {refused:13.2f} s {why[:60]}",
                flush=True,
            )
        plain, begun = MarkdownIt("commonmark"), time.process_time()
        plain.parse(worst)
        least = time.process_time() - begun
        timers = Timers({"reading": [(MarkdownIt, "parse")]})
        whole, _ = cost(worst)
        reading = timers.seconds()["reading"]
    what = "the dearest of the odd letters"
    for part, seconds, floor in (
        ("markdown-it-py, reading", reading, False),
        ("all else: rendering, checks", whole - reading, False),
        ("markdown-it-py alone, with no rule of ours", least, True),
    ):
        note(Share(of=what, part=part, cost=seconds, unit="s", floor=floor))
    print(f"the dearest takes {dearest:.2f} s of CPU; bound {BOUND:.0f} s")
    note(Figure(what=what, ours=dearest, unit="s of CPU", bound=BOUND))
    sys.exit(dearest > BOUND)


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


if __name__ == "__main__":
    main()
