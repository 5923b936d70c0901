"""The sign-up form as it stands on other pages than ours: the author's site, the archive."""

from __future__ import annotations

from newsletter.project import Project
from newsletter.project.phrases import read_phrases
from newsletter.render.signup_form import FormFields, signup_form
from newsletter.settings.mail import subscribe_url
from newsletter.signup import is_open


def form_elsewhere(project: Project, name: str) -> str:
    """The form as HTML; "" where nobody can subscribe.

    Args:
        project: the newsletter.
        name: what the consent log calls it, "" for nothing.

    Raises:
        InputError: the author's phrases cannot be read.
    """
    site, web = project.settings.site, project.settings.web
    if not is_open(project.settings):
        return ""
    phrases, _ = read_phrases(project.root, site.language.partition("-")[0].lower())
    fields = FormFields(
        language=site.language, topics=web.topics, ask_name=web.ask_name,
        privacy_url=site.privacy_url, phrases=phrases,
    )  # fmt: skip
    return signup_form(subscribe_url(project.settings), fields, form=name)
