"""Every check with a letter it finds fault with, and one just beside it that it lets pass."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest

from newsletter.check import RULES, UrlStatus, check, errors
from newsletter.errors import Place
from newsletter.issue import OPENING
from newsletter.pictures import FaultId, PictureFault
from newsletter.render import Theme
from tests.conftest import look_with
from tests.support.checked_letters import FRONT, WRONG_CODE, a_letter, front, said
from tests.support.letter_samples import FILE, THEME


def themed(**changed: str) -> Theme:
    """The example theme with a text in its `mjml` or `txt` files replaced: "old|new"."""
    files = dict(THEME.files)
    for kind, change in changed.items():
        old, _, new = change.partition("|")
        owner = next(
            name for name, text in sorted(files.items()) if name.endswith(kind) and old in text
        )
        files[owner] = files[owner].replace(old, new)
    return Theme(folder=THEME.folder, files=tuple(sorted(files.items())))


@dataclass(frozen=True)
class Case:
    """One way to set off a rule.

    `bad` and `good` are arguments of `a_letter`, a text alone being its body; `found` is what is
    said of `bad`, each "place after the file's name | message | hint".
    """

    id: str
    severity: str
    bad: Any
    good: Any
    found: list[str] = field(default_factory=list)


def long_letter(words: int) -> str:
    return "Paragraph of some words to fill it.\n\n" * words


def tagged(path: str) -> str:
    """A link of x.example as it stands in the mail."""
    return f"https://x.example/{path}?utm_source=slack-water&utm_medium=email&utm_campaign=issue-74"


def faulty(id_: FaultId) -> dict[str, tuple[PictureFault, ...]]:
    """What the making of one picture has found."""
    return {"images/a.png": (PictureFault(id=id_, message="is odd", hint="make it even"),)}


TWINS = ("issues/074-other.md",)
NOVEMBER = dt.date(2026, 11, 23)
ENDED = front('title: "A letter"', 'preheader: "x"', "date: 2026-11-22")
NO_FALLBACK = 'write {{ town | default("there") }} or give it one under [fields]'
NEAR = 'a field is {{ name }} or {{ name | default("x") }}; \\{{ means it literally'
CLOSE = r"close the emphasis, or write \* or \_"
TELL = "let the words say where it leads; screen readers list links alone"
ASTRAY = "leads nowhere: its beginning is misspelled"
ON_THE_WEB = "put a file beside the issue, or link to one with https://"
AS_IF_ABSENT = "the issue would be sent as if that line were not there"
CASES = [
    # front matter
    Case("draft", "error", {"front": front('title: "A"', "status: draft")}, {"front": front('title: "A"', "status: ready")},
         [':3:1|this issue is a draft|set "status: ready"']),
    Case("draft", "error", {"front": front('title: "A"', "draft: true")}, {"front": front('title: "A"', "draft: false")},
         [':3:1|this issue is a draft: it says "draft: true"|take that line out when it is ready']),
    Case("key-decides", "error", {"front": front('title: "A"', "staus: draft")}, {"front": front('title: "A"', "staus: draft", "status: ready")},
         [f':3:1|nothing reads "staus": {AS_IF_ABSENT}|did you mean "status"?']),
    Case("key-decides", "error", {"front": front('title: "A"', "Segment: tag:beta", "sent-elsewhere: yes", "drfat: true", "publishd: false")},
         {"front": front('title: "A"', "staus: ready", "sent-elsewhere: no", "drfat: no", "craft: pottery", "publisher: A", "publishd: 2026-11-22",
                         "statue: Liberty", "stats: {sent: 1}", "states: [Texas]", "segments: [birds]")},
         [f':3:1|nothing reads "Segment": {AS_IF_ABSENT}|did you mean "segment"?', f':4:1|nothing reads "sent-elsewhere": {AS_IF_ABSENT}|did you mean "sent_elsewhere"?',
          f':5:1|nothing reads "drfat": {AS_IF_ABSENT}|did you mean "draft"?', f':6:1|nothing reads "publishd": {AS_IF_ABSENT}|did you mean "published"?']),
    Case("key-decides", "error", {"front": front('title: "A"', "send-at: 2026-11-22T23:00")}, {"front": front('title: "A"', "send_at: 2026-11-22T23:00", "send-at: 2026-11-22T23:00")},
         [f':3:1|nothing reads "send-at": {AS_IF_ABSENT}|did you mean "send_at"?']),
    Case("value-decides", "error", {"front": front('title: "A"', "published: flase")},
         {"front": front('title: "A"', "published: 2026-11-22", "publish: true", "public: Acme Press", "state: fine", "layout: craft", "sent_elsewhere: no")},
         [':3:1|"published: flase" may mean that this is a draft; the issue would be sent|write "published: false", if it is']),
    Case("value-decides", "error", {"front": front('title: "A"', "Publish: never")}, {"front": front('title: "A"', "Publish: YES")},
         [':3:1|"Publish: never" may mean that this is a draft; the issue would be sent|write "Publish: false", if it is']),
    Case("value-decides", "error", {"front": front('title: "A"', "state: darft", "sent_elsewhere: flase")}, {"front": front('title: "A"', "state: ready")},
         [':3:1|"state: darft" may mean that this is a draft; the issue would be sent|write "state: draft", if it is',
          ':4:1|"sent_elsewhere: flase" says that readers got it; it would never be sent|did you mean "false"?']),
    Case("approved-unread", "warning", {"front": front('title: "A"', "approved: ture")}, {"front": front('title: "A"', f"approved: {'a' * 64}")},
         [':3:1|"approved: ture" approves nothing|newsletter approve --issue 74 writes that line']),
    Case("key-near", "warning", {"front": front('title: "A"', "prehedaer: x", "subjetc: y", "staus: ready", "alisases: [/a]")},
         {"front": front('title: "A"', "titles: [b]", "stats: {sent: 1}", "states: [Texas]", "date: 2026-11-22", "rate: 3", "preheader: x", "state: fine", "subtitle: b", "header: c", "images: [a.png]", "data: d", "draft: no", "author: e", "tags: [f]", "lastmod: h")},
         [':3:1|nothing reads "prehedaer"|did you mean "preheader"?', ':4:1|nothing reads "subjetc"|did you mean "subject"?', ':5:1|nothing reads "staus"|did you mean "status"?',
          ':6:1|nothing reads "alisases"|did you mean "aliases"?']),
    Case("key-near", "warning", {"front": front('title: "A"', "status: ready", "staus: draft")}, {"front": front('title: "A"', "staus: draft")},
         [':4:1|nothing reads "staus"|did you mean "status"?']),
    Case("text-cut", "error", {"front": front("title: Issue #12: what")}, {"front": front('title: "Issue #12: what"')},
         [':2:14|the title is cut off before "#12: what", a comment to YAML|put quotes around the whole value, or the comment on a line of its own']),
    Case("number-mismatch", "error", {"front": front('title: "A"', "number: 75")}, {"front": front('title: "A"', "number: 074")},
         [":3:1|the number is 75 here and 74 in the file name|use the same number twice"]),
    Case("number-mismatch", "error", {"front": front('title: "A"', "number: 0")}, {"front": front('title: "A"', "number: 0"), "file": "issues/000-x.md"},
         [":3:1|the number is 0 here and 74 in the file name|use the same number twice"]),
    Case("number-twice", "error", {"front": front('title: "A"', "number: 74"), "twins": TWINS}, {"front": front('title: "A"', "number: 74")},
         [":3:1|issues/074-other.md has the number 74 too|give one another number"]),
    Case("number-twice", "error", {"twins": TWINS}, {}, [":1:1|issues/074-other.md has the number 74 too|give one another number"]),
    Case("title-entities", "warning", {"front": front('title: "Apple&#x27;s &amp; Zoë&eacute;s &#x27;"')}, {"front": front('title: "AT&T; 1 &c; ours"')},
         [":2:1|the title holds HTML entities (&#x27;, &amp;, &eacute;), decoded for the mail|write the characters themselves"]),
    Case("title-entities", "warning", {"front": front("title: A", "subject: a&lt;b", "preheader: x&nbsp;y")}, {"front": front("title: A", "subject: a<b", "preheader: x & y;")},
         [":3:1|the subject holds HTML entities (&lt;), decoded for the mail|write the characters themselves",
          ":4:1|the preheader holds HTML entities (&nbsp;), decoded for the mail|write the characters themselves"]),
    Case("subject-long", "warning", {"front": front(f"title: {'x' * 61}")}, {"front": front(f"title: {'x' * 60}")},
         [':2:1|the subject has 61 characters; inboxes show about 60|put the point first, or add a shorter "subject: ..."']),
    Case("subject-long", "warning", {"front": front("title: A", f"subject: {'x' * 61}")}, {"front": front(f"title: {'x' * 61}", "subject: A")},
         [':3:1|the subject has 61 characters; inboxes show about 60|put the point first, or add a shorter "subject: ..."']),
    Case("subject-loud", "warning", {"front": front("title: THE TIDE IS HERE 74")}, {"front": front("title: THE TIDE is HERE")},
         [":2:1|the subject is all capitals|filters take that for spam; write it quietly"]),
    Case("subject-loud", "warning", {"front": front("title: A", "subject: Now!!")}, {"front": front("title: Now!!", "subject: Now!")},
         [":3:1|the subject has several exclamation marks|one is plenty"]),
    Case("subject-loud", "warning", {"front": front('title: "Re: our talk"')}, {"front": front('title: "Regarding: our talk"')},
         [":2:1|the subject pretends to be an answer|begin without RE: or FWD:"]),
    Case("subject-loud", "warning", {"front": front('title: "FW: TIDES TIDES!!"')}, {"front": front("title: 潮汐潮汐潮汐潮汐潮汐")},
         [":2:1|the subject is all capitals|filters take that for spam; write it quietly",
          ":2:1|the subject pretends to be an answer|begin without RE: or FWD:"]),
    Case("preheader-missing", "warning", {"front": front("title: A")}, {},
         [':2:1|there is no preheader|add "preheader: ..." of 40 to 110 characters']),
    Case("preheader-long", "warning", {"front": front("title: A", f"preheader: {'x' * 141}")}, {"front": front("title: A", f"preheader: {'x' * 140}")},
         [":3:1|the preheader has 141 characters; no inbox shows that|cut it to 110"]),
    Case("date-past", "warning", {"front": ENDED, "today": NOVEMBER}, {"front": ENDED, "today": dt.date(2026, 11, 22)},
         [":4:1|the date 2026-11-22 has passed|check that it is this one"]),
    Case("date-past", "warning", {"front": ENDED, "today": NOVEMBER}, {"front": ENDED}, [":4:1|the date 2026-11-22 has passed|check that it is this one"]),
    Case("date-twice", "warning", {"front": ENDED, "rivals": ("issues/075-x.md",)}, {"front": ENDED},
         [":4:1|issues/075-x.md is ready for the same date, so the schedule would send neither|give one of them another date, or make it a draft"]),
    Case("ignore-unknown", "warning", {"front": front("title: A", "checks:", "  ignore:", "    link-htp: old", "    zzz: why not")},
         {"front": front("title: A", "checks: {ignore: {link-http: old}}")},
         [':5:5|no check is called "link-htp"|did you mean "link-http"?', ':6:5|no check is called "zzz"|docs/checks.md lists them']),
    # words
    Case("body-empty", "error", " \n\n", "x", [":5:1|there is no letter under the front matter|write one"]),
    Case("mojibake", "error", "fine\n\nso Today‚Äôs tide and ‚Äúthat‚Äù\n", "fine\n\nso Today’s tide\n",
         [f':7:9|text in the wrong encoding: "Today‚Äôs" is "Today’s"|{WRONG_CODE}']),
    Case("mojibake", "error", {"front": front("title: ZoÃ«", "subject: âœ” x", "preheader: Itâ€™s")}, {"front": front("title: Zoë", "subject: ✔ x", "preheader: It’s")},
         [f":{line}:1|the {key} was read in the wrong encoding|{WRONG_CODE}" for line, key in ((2, "title"), (3, "subject"), (4, "preheader"))]),
    Case("html-forbidden", "error", 'x\n\n<iframe src="https://x.example"></iframe>\n\nsee <form>a</form> <b onclick="x()">b</b>\n',
         "x\n\n<table><tr><td>1</td></tr></table>\n\nsee <b>b</b>\n",
         [f":{spot}|<{name}> is left out: mail programs do not show it|link to a page that holds it" for spot, name in (("7:1", "iframe"), ("9:5", "form"), ("9:1", "script"))]),
    Case("field-no-fallback", "error", "x\n\nFrom {{name}}\n\nto {{ town }}\n", 'From {{ name }}\n\nto {{ town | default("here") }} and \\{{ town }}\n',
         [f':9:4|the field "town" has no fallback for people without one|{NO_FALLBACK}']),
    Case("field-no-fallback", "error", {"front": front("title: A", 'subject: "To {{town}}"'), "body": "in {{ town }}\n"}, {"front": front("title: A", 'subject: "To {{name}}"')},
         [f':3:1|the field "town" has no fallback for people without one|{NO_FALLBACK}']),
    Case("field-in-link", "error", "x\n\nsee [you](https://x.example/?who={{ name }}) there\n", "see [you](https://x.example/?who={{name}}) and `[a](b{{ name }})`\n",
         [":7:9|the blanks in {{ name }} keep this from being a link|write {{name}} without blanks inside a link"]),
    Case("field-near-miss", "warning", "Dear\n{{ Name }}, {{name|upper}} `{{ Name }}`\n", "Dear\n{{ name }}, \\{{ Name }} {{ nick }} `{{ Name }}`\n",
         [f":6:1|{{{{ Name }}}} is not a merge field and will be read as it stands|{NEAR}", f":6:13|{{{{name|upper}}}} is not a merge field and will be read as it stands|{NEAR}"]),
    Case("field-near-miss", "warning", {"front": front("title: A", "subject: To {{ NAME }}")}, {"front": front("title: A", r"subject: To \{{ NAME }}")},
         [f":3:1|{{{{ NAME }}}} is not a merge field and will be read as it stands|{NEAR}"]),
    Case("undone", "warning", "one\ntwo TK and TODO\n\nLorem ipsum dolor\n", "the word todo, Tk the toolkit, TKO, `TODO`\n",
         [':6:5|"TK" was left in the text|finish it', ':6:12|"TODO" was left in the text|finish it', ':8:1|"Lorem ipsum" was left in the text|finish it']),
    Case("undone", "warning", {"front": front("title: A", "subject: A TODO", "preheader: FIXME")}, {"front": front("title: A", "preheader: To do")},
         [':3:1|"TODO" was left in the text|finish it', ':4:1|"FIXME" was left in the text|finish it']),
    Case("stray-marker", "warning", "one\n**Foo:**bar and *x\n\nwith ads,* say\n", "one\n**Foo:** bar and *x*\n\nwith ads*, say\n",
         [f':6:1|a literal "**" is left in "one **Foo:**bar and *"|{CLOSE}', f':8:6|a literal "*" is left in "with ads,* say"|{CLOSE}']),
    Case("stray-marker", "warning", "an \\*escaped and an *open word\n", "an \\*escaped and an \\*open word\n", [f':5:21|a literal "*" is left in "ed and an *open word"|{CLOSE}']),
    Case("heading-title", "warning", "\n# A\n\nx\n", "x\n\n# A\n", [':6:1|the letter begins with the title "A"; the theme shows the title above it|take it out; a section begins with ##']),
    Case("heading-skipped", "warning", "## A\n\n#### B\n\n## C\n", "# A\n\n## B\n\n### C\n\n## D\n", [':7:1|"B" is a level 4 heading after level 2|use ###']),
    Case("heading-skipped", "warning", "### A\n", "## A\n", [':5:1|"A" is a level 3 heading after level 1|use ##']),
    Case("alt-missing", "warning", "![](https://x.example/a.png)\n\na ![ IMG_0042 ](https://x.example/b.png) ![b-1.JPG](https://x.example/c.png)\n", "![A jetty](https://x.example/a.png)\n",
         [":5:1|an image has no alternative text|say what it shows: ![words](...) or alt=..."] + 2 * [":7:3|an image has a file name for alternative text|say what it shows: ![words](...) or alt=..."]),
    Case("alt-missing", "warning", "a\n\nb <img src='https://x.example/a.png'>\n", "b <img src='https://x.example/a.png' alt='c'>\n",
         [":7:3|an image has no alternative text|say what it shows: ![words](...) or alt=..."]),
    Case("image-local", "error", "<p><img src='/a.png' alt='b'></p>\n", "<img src='https://x.example/a.png' alt='b'>\n",
         [':5:14|the image "/a.png" cannot be seen in a mail|name it without the leading /']),
    Case("image-local", "error", {"body": "x\n\n![a](images/a%20b.png)\n", "options": {"assets_url": ""}}, {"body": "![a](images/a.png)\n"},
         [':7:6|no mail can show the image "images/a%20b.png": site.assets_url is not set|set it to where readers load pictures from']),
    Case("image-local", "error", {"body": "x\n\n![a](images/a.png) ![b](images/b.png)\n", "options": {"assets_url": ""}, "assets": frozenset({"images/b.png"}), "shown": {"images/b.png": True}},
         {"body": "x\n", "shown": {"images/a.png": False}},
         [':7:6|no mail can show the image "images/a.png": site.assets_url is not set, and the file is not there|set it, and put the file beside the issue',
          ':7:25|no mail can show the image "images/b.png": site.assets_url is not set|set it to where readers load pictures from']),
    # A picture of the settings stands nowhere in the letter.
    Case("image-local", "error", {"body": "x\n", "options": {"assets_url": ""}, "shown": {"images/head.png": False, "images/logo.png": True}}, {"body": "x\n", "options": {"assets_url": ""}},
         [':5:1|no mail can show the image "images/head.png": site.assets_url is not set, and the file is not there|set it, and put the file beside the issue',
          ':5:1|no mail can show the image "images/logo.png": site.assets_url is not set|set it to where readers load pictures from']),
    Case("image-local", "error", {"body": "![a](http//x.example/a.png)\n", "assets": frozenset()}, {"body": "![a](http://x.example/a.png)\n", "assets": frozenset()},
         [':5:6|the image "http//x.example/a.png" is not there|did you mean "http://"?']),
    Case("image-local", "error", {"body": "![a](images/a.png) ![b](images/b.png)\n", "assets": frozenset({"images/b.png"})}, {"body": "![a](images/a.png) ![b](https://x.example/b.png) ![c](//x.example/c.png)\n", "assets": frozenset({"images/a.png"})},
         [':5:6|the image "images/a.png" is not there|put the file beside the issue']),
    Case("image-local", "error", "![a](/images/a.png)\n", "![a](HTTPS://x.example/images/a.png)\n", [':5:6|the image "/images/a.png" cannot be seen in a mail|name it without the leading /']),
    Case("image-scheme", "error", "![a](cid:logo) ![b](sms:+32)\n\n<img src='data:image/png;base64,AA' alt='c'>\n", "![a](HTTPS://x.example/a.png) ![b](images/b.png) ![c](//x.example/c.png)\n",
         [f":5:6|no mail can show the image cid:logo|{ON_THE_WEB}", f":5:21|no mail can show the image sms:+32|{ON_THE_WEB}",
          f":7:1|an image has no address that mails take|{ON_THE_WEB}"]),
    Case("image-scheme", "error", {"body": "x ![a](data:image/png;base64,AA)\n", "options": {"assets_url": ""}}, {"body": "x ![a](images/a.png)\n", "options": {"assets_url": ""}},
         [f":5:8|no mail can show the image data:image/png;base64,AA|{ON_THE_WEB}"]),
    # links
    Case("link-malformed", "error", "x\n\n[a](http://ClipDrop%20) and\n[b](http://ttps//x.example)\n", "[a](http://clipdrop.example/%20) [b](HTTPS://X.example)\n",
         [":7:5|the link http://ClipDrop%20 leads nowhere: its host is impossible|fix the address", ":8:5|the link http://ttps//x.example leads nowhere: its host is impossible|fix the address"]),
    Case("link-relative", "error", "[a](about.html) [b](#c) [d]()\n", "[a](https://x.example/about.html) [b](mailto:a@x.example) [c](https://x.example/{{name}})\n",
         [":5:5|the link about.html is relative; a mail has no page to start from|write it out, from https:// on",
          ':5:25|the link "d" is empty|give it a target']),
    Case("link-scheme", "error", "[a](htps://x.example) [b](htttp:x.example)\n\n<HTTPSS://x.example>\n\n[c](mailto://a@x.example) [d](te:+32) [e](mialto:a@x.example)\n",
         "[a](https://x.example) [b](HTTP://x.example/b) [c](mailto:a@x.example) [d](tel:+32) [e](tel://a.example) [f](sms:+32) [g](ftp://x.example) [h](shop:1) [i](webcal://x.example)\n",
         [f':5:5|the link htps://x.example {ASTRAY}|did you mean "https://"?', f':5:27|the link htttp:x.example {ASTRAY}|did you mean "http://"?',
          f':7:2|the link HTTPSS://x.example {ASTRAY}|did you mean "https://"?', f':9:5|the link mailto://a@x.example {ASTRAY}|did you mean "mailto:"?',
          f':9:31|the link te:+32 {ASTRAY}|did you mean "tel:"?', f':9:43|the link mialto:a@x.example {ASTRAY}|did you mean "mailto:"?']),
    Case("link-scheme", "error", "[a](hptts://x.example) [b](tthps://x.example) [c](hhttpss://x.example) [d](amitlo:a@x.example)\n",
         "[a](ftp://x.example) [b](callto:+32) [c](ftps://x.example) [d](sftp://x.example) [e](https://x.example) [f](xmpp:a) [g](geo:1,2)\n",
         [f':5:5|the link hptts://x.example {ASTRAY}|did you mean "https://"?', f':5:28|the link tthps://x.example {ASTRAY}|did you mean "https://"?',
          f':5:51|the link hhttpss://x.example {ASTRAY}|did you mean "https://"?', f':5:76|the link amitlo:a@x.example {ASTRAY}|did you mean "mailto:"?']),
    Case("link-scheme", "error", "x ![a](htps://x.example/a.png) ![b](https:/x.example/b.png)\n\n<a href='htps://y.example'>words</a>\n",
         "x ![a](https://x.example/a.png)\n\n<a href='https://y.example'>words</a> <!-- <a href='htps://y.example'>old</a> --> <b data-href='htps://y'>x</b>\n",
         [f':5:8|the picture htps://x.example/a.png {ASTRAY}|did you mean "https://"?', f':5:37|the picture https:/x.example/b.png {ASTRAY}|did you mean "https://"?',
          f':7:10|the address htps://y.example {ASTRAY}|did you mean "https://"?']),
    Case("link-relative", "error", "[a](http//x.example) [b](https;//x.example)\n", "[a](http://x.example)\n",
         [':5:5|the link http//x.example is relative; a mail has no page to start from|did you mean "http://"?',
          ':5:26|the link https;//x.example is relative; a mail has no page to start from|did you mean "https://"?']),
    Case("link-malformed", "error", "[a](https:/x.example) [b](http:://x.example)\n", "[a](https://x.example)\n",
         [':5:5|the link https:/x.example leads nowhere: its host is impossible|did you mean "https://"?',
          ':5:27|the link http:://x.example leads nowhere: its host is impossible|did you mean "http://"?']),
    Case("link-anchor", "error", "see [x](#b)\n\n## A\n", "see [x](#a)\n\n## A\n", [':5:9|the link "#b" leads to no section of this letter|its headings are #a']),
    Case("link-local", "error", "[a](http://localhost:8000/x) [b](https://192.168.1.7/) [c](http://[::1]/) [d](https://nas.local/)\n\n[e](file:///home/wren/x.pdf)\n",
         '[a](https://localhost.example/) [b](https://1.1.1.1/) [c](https://[2606:4700::1111]/) [d](https://local.example/) `[e](file:///x)` [f](http://[::1) <a href="//[x/">x</a>\n',
         [*(f":5:{column}|the link {url} only works on your own machine or network|link to its public address" for column, url in
            ((5, "http://localhost:8000/x"), (34, "https://192.168.1.7/"), (60, "http://[::1]/"), (79, "https://nas.local/"))),
          ":7:3|a file: link only works on your own machine|link to its public address"]),
    Case("link-script", "error", "[a](javascript:alert(1)) [b]( <VBScript:x>) <data:text/html,x>\n", "`[a](javascript:alert(1))` ![b](data:image/png;base64,AAAA)\n\n    [c](javascript:x)\n",
         [f":5:{column}|a {scheme}: link is not made and shows as text|link to an https page" for column, scheme in ((3, "javascript"), (28, "vbscript"), (45, "data"))]),
    Case("link-http", "warning", "one\n[a](http://x.example/) [b](http://ttps//x)\n", "[a](https://x.example/http://) [b](http://ttps//x)\n", [":6:5|the link http://x.example/ is not encrypted|try https://"]),
    Case("link-vague", "warning", "one [Click here!](https://x.example/a), [read more](https://x.example/b)\n", "one [here is more](https://x.example/a)\n",
         [f':5:6|the link says only "Click here!"|{TELL}', f':5:42|the link says only "read more"|{TELL}']),
    Case("link-ambiguous", "warning", "[Tides](https://x.example/a) [tides](https://x.example/b) [TIDES](https://x.example/c)\n",
         "[tides](https://x.example/a) [tides](https://x.example/a) [](https://x.example/c) [](https://x.example/d)\n", [':5:38|"tides" leads to three different pages|tell them apart in words']),
    Case("utm-foreign", "warning", "one\n[a](https://x.example/?utm_source=Old%20one)\n\n[b](https://x.example/?utm_source=Old+one&utm_medium=m) [c](https://x.example/?utm_source=new)\n",
         "[a](https://x.example/?utm_source=slack-water) [b](https://x.example/)\n",
         [':6:5|2 links are tagged with the source "Old one", not yours|keep a sponsor\'s; for an old service\'s set utm.replace_sources = ["Old one"]',
          ':8:61|1 link is tagged with the source "new", not yours|keep a sponsor\'s; for an old service\'s set utm.replace_sources = ["new"]']),
    Case("utm-foreign", "warning", "[a](https://x.example/?utm_source=old)\n", {"body": "[a](https://x.example/?utm_source=old)\n", "options": {"tags": None}},
         [':5:5|1 link is tagged with the source "old", not yours|keep a sponsor\'s; for an old service\'s set utm.replace_sources = ["old"]']),
    Case("personal-id", "warning", "[a](https://x.example/?a=1&MC_EID=74) [b](https://x.example/?_hsenc=p2) [c](https://x.example/?mc_eid=75)\n", "[a](https://x.example/?mc_eidos=1#mc_eid=2)\n",
         [':5:5|2 links carry somebody\'s personal id ("MC_EID")|take that part out', ':5:43|1 link carries somebody\'s personal id ("_hsenc")|take that part out']),
    Case("link-braces", "warning", "x\n\n[a](https://x.example/{{nick}}) [b](<https://x.example/?{% if x %}>) [c]({{amazonSESUnsubscribeUrl}})\n",
         "[a](https://x.example/{{name}}) [b](https://x.example/?a={%20x%20}) `[c](https://x.example/{{nick}})`\n",
         [f":7:{column}|the {braces} in this link is never filled in|a merge field in an address is {{{{name}}}}, and declared under [fields]"
          for column, braces in ((23, "{{nick}}"), (57, "{% if x %}"), (74, "{{amazonSESUnsubscribeUrl}}"))]),
    Case("link-braces", "warning", "![a](https://x.example/{{nick}}.png)\n", "![a](https://x.example/{{name}}.png) <img src='https://x.example/{{ name }}.png' alt='b'>\n",
         [":5:24|the {{nick}} in this picture is never filled in|a merge field in an address is {{name}}, and declared under [fields]"]),
    # what init wrote
    Case("placeholder", "warning", {"options": {"site_name": "My Newsletter"}}, {},
         [':1:1|site.name is still "My Newsletter"|set site.name']),
    Case("placeholder", "warning", f"Hello.\n\n{OPENING}\nMore.\n", "This is the first issue of a newsletter.\n",
         [":7:1|this issue is still the one that init wrote|write your own words"]),
    # colours
    Case("contrast", "warning", {"options": {"look": look_with(ink="#a0a0a0")}}, {"options": {"look": look_with(ink="#303030", accent="#ffcc00")}},
         [':5:1|"Hello." is hard to read in light mode: #a0a0a0 on #ffffff has a contrast of 2.6, not 4.5|choose another theme.ink']),
    Case("contrast", "warning", {"options": {"look": look_with(accent_dark="#405060")}}, {"options": {"look": look_with(accent_dark="#9fd8e4")}},
         [':1:1|"Unsubscribe" is hard to read in dark mode: #405060 on #0b1622 has a contrast of 2.2, not 4.5|choose another theme.accent_dark']),
    Case("contrast", "warning", {"theme": themed(css="{{ day.soft_on_page }}|#b0b0b0")}, {"theme": themed(css="{{ day.soft_on_page }}|#202020")},
         [f':1:1|"{words}" is hard to read in light mode: #b0b0b0 on #f2e8d5 has a contrast of 1.8, not 4.5|the theme draws it so, whatever the words: change its style.css or dark.css' for words in ["Issue\xa074"]]),
    # the web
    Case("link-dead", "error", {"body": "x\n\n[a](https://x.example/a) [b](https://x.example/b) [c](https://x.example/c)\n", "answers": {tagged("a"): UrlStatus(status=404), tagged("b"): UrlStatus(problem="there is no such host", certain=True), tagged("c"): UrlStatus(status=200)}},
         {"body": "[a](https://x.example/a) [b](https://x.example/b)\n", "answers": {tagged("a"): UrlStatus(status=500), tagged("b"): UrlStatus(problem="no answer in time")}},
         [":7:5|the link https://x.example/a leads nowhere: the server answers 404|fix the address or take it out",
          ":7:30|the link https://x.example/b leads nowhere: there is no such host|fix the address or take it out"]),
    Case("link-unsure", "warning", {"body": "[a](https://x.example/a) [b](https://x.example/b)\n", "answers": {tagged("a"): UrlStatus(status=500), tagged("b"): UrlStatus(problem="no answer in time")}},
         {"body": "[a](https://x.example/a) [b](https://x.example/b)\n", "answers": {tagged("a"): UrlStatus(status=403), tagged("b"): UrlStatus(status=410)}},
         [":5:5|the link https://x.example/a could not be seen: the server answers 500|open it in a browser",
          ":5:30|the link https://x.example/b could not be seen: no answer in time|open it in a browser"]),
    Case("image-dead", "error", {"body": "x ![a](images/a.png) ![b](https://x.example/b.png)\n", "answers": {"https://assets.example.org/images/a.png": UrlStatus(status=404), "https://x.example/b.png": UrlStatus(problem="no answer in time")}},
         {"body": "![a](images/a.png)\n", "answers": {"https://assets.example.org/images/a.png": UrlStatus(status=200)}},
         [":5:3|the picture https://assets.example.org/images/a.png does not load: the server answers 404|publish it before the letter goes out",
          ":5:3|the picture https://x.example/b.png does not load: no answer in time|publish it before the letter goes out"]),
    Case("image-heavy", "warning", {"body": "![a](https://x.example/b.png)\n", "answers": {"https://x.example/b.png": UrlStatus(status=200, size=2_345_678)}},
         {"body": "![a](https://x.example/b.png) ![c](https://x.example/d.png)\n", "answers": {"https://x.example/b.png": UrlStatus(status=200, size=1_000_000), "https://x.example/d.png": UrlStatus(status=200)}},
         [":5:1|the picture https://x.example/b.png has 2.3 MB|make it smaller: 1200 pixels are enough"]),
    # markup left as text
    Case("link-unread", "error", "x [a] (https://x.example/y) z\n", "[a](https://x.example/y) \\[a] (https://x.example/y) [sic] (so)\n",
         [':5:3|"[a] (https://x.example/y)" is left as text: it is no link|leave no blank between ] and (']),
    Case("markup-left", "warning", "[a][b] and [^c]\n", "[a][b] `[^d]` \\[e][f] [1][2]\n\n[b]: https://x.example\n",
         [':5:1|"[a][b]" is left as text: nothing is called [b]|add a line: [b]: https://...', ':5:12|"[^c]" is left as text: there is no such footnote|add a line of its own: [^c]: its words']),
    Case("merge-tag", "warning", "Hi *|FNAME|*\n", "Hi {{ name }} `*|FNAME|*` \\{{ nick }}\n",
         [":5:4|*|FNAME|* is no merge field here and will be read as it stands|declare the name under [fields] and write {{ name }}; \\{{ means it literally"]),
    Case("link-bare", "warning", "See https://x.example/a.\n", "See <https://x.example/a> `https://x.example` [https://x.example](https://x.example)\n",
         [":5:5|the address https://x.example/a is text, not a link|write <https://x.example/a> or [words](https://x.example/a)"]),
    # the finished mail
    Case("size", "error", long_letter(1200), long_letter(1030), [":1:1|the HTML has SIZE bytes; Gmail cuts it at 102,400|shorten it"]),
    Case("size-near", "warning", long_letter(1030), long_letter(900), [":1:1|the HTML has SIZE of Gmail's 102,400 bytes|do not add much"]),
    Case("size-near", "warning", long_letter(1030), long_letter(1200), [":1:1|the HTML has SIZE of Gmail's 102,400 bytes|do not add much"]),
    Case("no-unsubscribe", "error", {"theme": themed(mjml="{{ unsubscribe_url }}|https://x.example", txt="{{ unsubscribe_url }}|x")}, {},
         [":1:1|the HTML part has no unsubscribe link|let the theme show {{ unsubscribe_url }}", ":1:1|the text part has no unsubscribe link|let the theme show {{ unsubscribe_url }}"]),
    Case("no-ratings", "warning", {"options": {"ratings": (("good", "Yes"),)}, "theme": themed(mjml="{% if ratings %}|{% if 0 %}")}, {"options": {"ratings": (("good", "Yes"),)}},
         [":1:1|ratings.ask is set, but the theme shows nothing to answer with|docs/ratings.md has the lines for footer.mjml and issue.txt"]),
    Case("no-address", "error", {"options": {"postal_address": " "}}, {}, [":1:1|there is no postal address|set site.postal_address"]),
    Case("no-address", "error", {"theme": themed(mjml='{{ site.postal_address.splitlines() | join(", ") }}|x', txt="{{ site.postal_address | trim }}|x")},
         {"theme": themed(mjml='{{ site.postal_address.splitlines() | join(", ") }}|Slack Water<br />4 Ferry Stairs, <b>Port</b> Example')},
         [f":1:1|the {part} part does not show the postal address|let the theme show {{{{ site.postal_address }}}}" for part in ("HTML", "text")]),
    Case("token-left", "error", {"theme": themed(txt="{{ site.postal_address | trim }}|__NL_NOBODY__ {{ site.postal_address }}")}, "Hello {{ name }} and __x__\n",
         [":1:1|a placeholder of the program was left in the mail|take it out of the theme"]),
    Case("picture-missing", "warning", {"body": "x ![a](images/a.png)\n", "shown": {"images/a.png": False, "images/head.png": False}},
         {"body": "x ![a](images/a.png)\n", "shown": {"images/a.png": False, "images/head.png": True}},
         [':5:1|the picture "images/head.png" is not beside the issues|put the file there, unless it is at site.assets_url already']),
    Case("picture-unreadable", "error", {"body": "x ![a](images/a.png)\n", "picture_faults": faulty("picture-unreadable")}, {"body": "x\n", "picture_faults": {"images/a.png": ()}},
         [':5:8|the picture "images/a.png" is odd|make it even']),
    Case("picture-heavy", "warning", {"body": "x\n\n<img src='images/a.png' alt='b'>\n", "picture_faults": faulty("picture-heavy")}, {"body": "x\n", "picture_faults": faulty("picture-still")},
         [':7:11|the picture "images/a.png" is odd|make it even']),
    # A picture of the theme stands nowhere in the letter.
    Case("picture-still", "warning", {"body": "x\n", "picture_faults": faulty("picture-still")}, {"body": "x\n", "picture_faults": faulty("picture-heavy")},
         [':5:1|the picture "images/a.png" is odd|make it even']),
    # the archive
    Case("archive-front", "error", {"front": front("title: A", "aliases: [/old/74, old]")}, {"front": front("title: A", "aliases: [/old/74, /issues/a-b]")},
         [":3:1|the alias old does not begin with one /|write /old/path"]),
    Case("archive-front", "error", {"front": front("title: A", "archive: nope")}, {"front": front("title: A", "archive: nope"), "options": {"archive_url": ""}},
         [':3:1|"archive" is neither yes nor no|write "archive: no"']),
    Case("archive-segment", "warning", {"front": front("title: A", 'segment: "tag:essays"')}, {"front": front("title: A", 'segment: "tag:essays"', "archive: no")},
         [':3:1|an issue to a segment gets no page in the archive, and its mails link to one|write "archive: yes" to publish it, or "archive: no"']),
    Case("archive-segment", "warning", {"front": front("title: A", 'segment: "tag:essays"', 'archive: ""')}, {"front": front("title: A", 'segment: "tag:essays"'), "options": {"archive_url": ""}},
         [':3:1|an issue to a segment gets no page in the archive, and its mails link to one|write "archive: yes" to publish it, or "archive: no"']),
]  # fmt: skip


def arguments(case: Any) -> dict[str, Any]:
    return {"body": case} if isinstance(case, str) else case


@pytest.mark.sweep
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_check_says_what_is_wrong_where_and_what_to_do(case):
    letter = a_letter(**arguments(case.bad))
    size = f"{len(letter.rendered.html.encode()):,}"
    assert sorted(said(letter, case.id)) == sorted(one.replace("SIZE", size) for one in case.found)
    assert {f.severity for f in check(letter) if f.id == case.id} == {case.severity}
    assert all(f.place.file == FILE and f.place.line and f.place.column for f in check(letter))
    assert bool([f for f in errors(check(letter)) if f.id == case.id]) is (case.severity == "error")


@pytest.mark.sweep
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_check_lets_the_letter_beside_it_pass(case):
    assert said(a_letter(**arguments(case.good)), case.id) == []


def test_every_check_has_a_letter_it_finds_fault_with_and_one_it_lets_pass():
    assert {case.id for case in CASES} == set(RULES)
    assert all(case.found for case in CASES)


def test_a_faultless_letter_has_no_findings():
    body = "## Tides\n\nHello {{ name }}, [the almanac](https://x.example/almanac) says so.\n"
    assert check(a_letter(body, today=NOVEMBER, assets=frozenset())) == ()


def test_findings_come_in_the_order_of_the_file_errors_first():
    letter = a_letter(
        "TK [a](b.html) [click here](http://localhost/)\n", front=front("title: A", "status: draft")
    )
    assert [(f.id, f.place.line, f.place.column) for f in check(letter)] == [
        ("preheader-missing", 2, 1), ("draft", 3, 1), ("undone", 5, 1), ("link-relative", 5, 8),
        ("link-vague", 5, 17), ("link-local", 5, 29),
    ]  # fmt: skip


# --- answering for a finding -----------------------------------------------------------------


BAD_LINK = "[a](http://localhost:8000/)\n"


def test_an_error_the_author_answers_for_stops_nothing_but_is_still_told():
    letter = a_letter(BAD_LINK, front=FRONT + 'checks: {ignore: {link-local: "a joke"}}\n')
    [found] = [f for f in check(letter) if f.id == "link-local"]
    assert (found.ignored, found.severity) == ("a joke", "error")
    assert found.place == Place(FILE, 6, 5)
    assert errors(check(letter)) == ()
    assert [f.id for f in errors(check(a_letter(BAD_LINK)))] == ["link-local"]


def test_the_settings_may_answer_too_and_the_issue_has_the_last_word():
    ours = {"link-local": "we live there", "undone": "a name"}
    letter = a_letter(
        "TK " + BAD_LINK, ignore=ours, front=FRONT + 'checks: {ignore: {link-local: "a joke"}}\n'
    )
    assert {f.id: f.ignored for f in check(letter)} == {"link-local": "a joke", "undone": "a name"}


def test_answering_for_one_check_leaves_the_others_alone():
    letter = a_letter(
        "TK " + BAD_LINK, front=FRONT + 'checks: {ignore: {undone: "it is a name"}}\n'
    )
    assert {f.id: f.ignored for f in check(letter) if f.severity == "error"} == {"link-local": ""}


# --- false alarms ----------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize(
    "body",
    ["snake_case and __init__.py_x", "2*3*4 and 2 * 3 * 4", "`__init__` and `*args`", "* one\n* two\n\n- three", "the price* is net\n\n*excluding postage",
     "the price.* Yes\n\n\\* excluding postage", "a 5* hotel", "*) a note", r"¯\\\_(ツ)\_/¯", "follow @_wren and #_tides", "<https://x.example/?_ga=1&_x=2/-_y>", "https://x.example/a_b_/_c",
     "*fine* **fine** _fine_ ***fine***", "a\\*b \\_c\\_ \\*\\*d\\*\\*", "    *code", "```\n*code\n```", "f**k and 100_000", "~~gone~~", "* * *", "*{{ name }}*, hello", "x^*^ y"],
)  # fmt: skip
def test_a_marker_that_is_meant_is_no_stray(body):
    assert said(a_letter(f"{body}\n"), "stray-marker") == []


@pytest.mark.parametrize(
    ("body", "place"),
    [("**bold ** and", ":5:1"), ("x\ny _open z", ":6:3"), ("* a\n* **b:**c", ":6:3"), ("word__ x", ":5:1"), ("> x\n> ends,* y", ":6:3"), ("*alone at the start", ":5:1"), ("the price* and\n*open", ":6:1")],
)  # fmt: skip
def test_a_marker_left_open_is_told_with_its_place(body, place):
    [found] = said(a_letter(f"{body}\n"), "stray-marker")
    assert found.partition("|")[0] == place


@pytest.mark.parametrize("end", ["", "\n\nanother: **a:**c\n"])
def test_a_marker_whose_words_stand_otherwise_in_the_file_is_told_with_its_line(end):
    found = said(a_letter(f"see **a`b`:**c{end}"), "stray-marker")
    assert found[0].partition("|")[0] == ":5:1"


def test_a_note_below_a_marked_word_is_no_stray_but_without_a_mark_it_is_one():
    assert said(a_letter("nothing marked\n\n*excluding postage\n"), "stray-marker") != []
