"""Pages of Hugo's and Jekyll's come along with the address that their site gave them."""

from __future__ import annotations

import pytest

from newsletter.exports.folders import read_folder
from newsletter.exports.permalinks import as_hugo


class Files(dict[str, str]):
    """An export in memory."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self))

    def read(self, name: str) -> bytes:
        return self[name].encode()


def aliases(settings: tuple[str, str], page: str, matter: str = "") -> tuple[str, ...]:
    text = f"---\ntitle: A & B\ndate: 2021-03-01\n{matter}\n---\nx\n"
    found = read_folder(Files({settings[0]: settings[1], page: text}), "")
    assert found
    (post,) = found.posts
    assert bool(post.aliases) is not any("not known here" in one for one in post.left_out)
    return post.aliases


@pytest.mark.parametrize(
    ("rule", "matter", "path"),
    [
        ("", "", "/blog/2021/03/01/my-post.html"),
        ("", "categories: [News, Old]", "/blog/news/old/2021/03/01/my-post.html"),
        ("permalink: pretty", "category: News", "/blog/news/2021/03/01/my-post/"),
        ("permalink: none", "", "/blog/my-post.html"),
        ("permalink: /:year/:i_month/:title/", "", "/blog/2021/3/my-post/"),
        ("permalink: /:year/:title:output_ext", "slug: other", "/blog/2021/other.html"),
        ("permalink: pretty", "permalink: /about/", "/blog/about/"),
        ("permalink: pretty", "permalink: /:month/:title", "/blog/03/my-post"),
        ("permalink: /:collection/:title/", "", ""),
    ],
)
def test_jekyll(rule, matter, path):
    settings = "_config.yml", f"url: https://a.example\nbaseurl: /blog\n{rule}\n"
    page = "_posts/2021-03-01-my-post.md"
    assert aliases(settings, page, matter) == ((path,) if path else ())


@pytest.mark.parametrize(
    ("settings", "matter", "path"),
    [
        ("", "", "/news/one/"),
        ("", "slug: 'Other One'", "/news/other-one/"),
        ("", "url: /Own/", "/Own/"),
        ('[permalinks]\nnews = "/:year/:month/:slug/"', "", "/2021/03/a-b/"),
        ('[permalinks.page]\nnews = "/:section/:slugorcontentbasename/"', "", "/news/one/"),
        ('[permalinks]\nposts = "/:year/"', "", "/news/one/"),
        ('[permalinks]\nnews = "/:weekday/"', "", ""),
    ],
)
def test_hugo(settings, matter, path):
    named = "site/hugo.toml", f'baseURL = "https://a.example/"\n{settings}\n'
    page = "site/content/news/One.md"
    assert aliases(named, page, matter) == ((path,) if path else ())


def test_rules_in_a_folder_of_settings_and_in_yaml():
    text = "baseURL: https://a.example/x/\npermalinks:\n  news: /p/:filename/\n"
    assert aliases(("config/_default/hugo.yaml", text), "content/news/one.md") == ("/x/p/one/",)


def test_names_are_written_as_hugo_writes_them():
    assert as_hugo("/My Posts/Straße & Co, nº 2 - A/") == "/my-posts/straße-co-nº-2-a/"
