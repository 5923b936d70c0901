"""What not everybody could read at the earlier service gets no page here, and it is said so."""

from __future__ import annotations

import json

import pytest

from tests.publishing.test_past_issues import empty, imported
from tests.support.cli_fixtures import folder, plain_environment
from tests.support.past_exports import OLD, Letter, ghost, table, zipped

__all__ = ["empty", "folder", "plain_environment"]


def of_substack() -> bytes:
    audiences = ["everyone", "only_free", "", "only_paid", "founding", "some_new_word"]
    rows = [
        {"post_id": f"{n}.p{n}", "post_date": f"2021-03-0{n}", "is_published": "true",
         "type": "newsletter", "audience": audience, "title": f"T{n}", "subtitle": ""}
        for n, audience in enumerate(audiences, 1)
    ]  # fmt: skip
    pages = {f"posts/{row['post_id']}.html": "<p>x</p>" for row in rows}
    return zipped({"posts.csv": table(rows), **pages})


def of_ghost() -> bytes:
    def gated(who: str) -> str:
        return f"<p>a</p><!--kg-gated-block:begin {who} --><p>b</p><!--kg-gated-block:end-->"

    parts = [
        ("<p>x</p>", {}),
        (gated('nonMember:true memberSegment:""'), {}),
        ("<p>x</p>", {"visibility": "members"}),
        ("<p>x</p>", {"visibility": "tiers"}),
        ("<p>x</p>", {"status": "sent"}),
        (gated('nonMember:false memberSegment:"status:-free"'), {}),
    ]
    letters = [Letter(n, f"T{n}", f"2021-03-0{n}", html) for n, (html, _) in enumerate(parts, 1)]
    whole = json.loads(ghost(letters))
    for post, (_, more) in zip(whole["db"][0]["data"]["posts"], parts, strict=True):
        post.update(more)
    return json.dumps(whole).encode()


def of_buttondown() -> bytes:
    texts = [
        ("x {{ subscriber.name }}", "public"), ("x", ""), ("x", "premium"), ("x", "private"),
        ("{% if subscriber.is_premium %}x{% endif %}", "public"),
    ]  # fmt: skip
    rows = [
        {"id": f"e{n}", "subject": f"T{n}", "publish_date": f"2021-03-0{n} 09:00:00+00:00",
         "slug": f"s{n}", "email_type": kind}
        for n, (_, kind) in enumerate(texts, 1)
    ]  # fmt: skip
    pages = {f"emails/s{n}.md": text for n, (text, _) in enumerate(texts, 1)}
    return zipped({"emails.csv": table(rows), **pages})


def of_hugo() -> bytes:
    lines = ["draft: false", "publishDate: 2021-01-01", "expiryDate: 2021-04-01", "headless: true",
             "_build: {render: never}", "build: {list: never}", "private: true"]  # fmt: skip
    return zipped(
        {
            f"content/p/n{n}.md": f"---\ntitle: T{n}\ndate: 2021-03-0{n}\n{line}\n---\nx\n"
            for n, line in enumerate(lines, 1)
        }
    )


@pytest.mark.parametrize(
    ("name", "export", "public"),
    [
        ("a.zip", of_substack, [1, 2, 3]),
        ("a.json", of_ghost, [1, 2]),
        ("a.zip", of_buttondown, [1, 2]),
        ("a.zip", of_hugo, [1, 2]),
    ],
)
def test_it_stays_out_of_the_archive(empty, name, export, public):
    empty.write(name, export())
    ran = empty.run("issues", "import", name, "--site", OLD)
    assert ran.code == 0, ran.err
    assert ran.err.count("it says archive: no, for ") == len(imported(empty)) - len(public)
    built = empty.run("archive", "build", "--out", "site", "--json")
    assert sorted(json.loads(built.out)["issues"]) == public


def test_what_hugo_was_to_show_one_day_is_a_draft_until_then(empty):
    page = "---\ntitle: One\ndate: 2021-03-01\npublishDate: 2199-01-01T00:00:00Z\n---\nx\n"
    empty.write("a.zip", zipped({"content/p/one.md": page}))
    assert empty.run("issues", "import", "a.zip").code == 0
    (issue,) = imported(empty)
    assert (issue.status, issue.sent_elsewhere) == ("draft", "")
