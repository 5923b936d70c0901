"""A rendered letter with its pictures made for mails, under the names they are published by."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from newsletter.pictures import MadePicture, PictureFault
from newsletter.project.pictures import mail_pictures
from newsletter.render import RenderedIssue
from newsletter.render.markdown import Image
from newsletter.render.pictures import local_path, local_pictures, with_published
from newsletter.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLetter:
    """A letter as it is mailed.

    Attributes:
        rendered: with the addresses at which its pictures are published.
        pictures: these, by their paths below `site.assets_url`.
        originals: the author's files, as the letter names them, by the same.
        faults: what is wrong with others, or with these all the same, by the author's names.
    """

    rendered: RenderedIssue
    pictures: Mapping[str, MadePicture] = field(default_factory=dict)
    originals: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, tuple[PictureFault, ...]] = field(default_factory=dict)


def published_letter(
    rendered: RenderedIssue,
    settings: Settings,
    *,
    root: Path,
    home: Path,
    folders: tuple[Path, ...],
) -> PublishedLetter:
    """Make a letter's pictures, where `images.to` says where they go; else it stays as it is.

    Args:
        rendered: the letter.
        settings: the newsletter's.
        root: its folder.
        home: what no picture may lead out of.
        folders: where its pictures are looked for, before `home` itself.
    """
    base = settings.site.assets_url.rstrip("/")
    if not (settings.images.to and base):
        return PublishedLetter(rendered=rendered)
    made = mail_pictures(root, home, folders, local_pictures(rendered.html, base))
    fit = {path: one for path, one in made.items() if isinstance(one, MadePicture)}
    names = {path: one.name(path) for path, one in fit.items()}

    def told(image: Image) -> Image:
        found = names.get(local_path(image.src, base))
        return dataclasses.replace(image, src=f"{base}/{quote(found)}") if found else image

    faults = {
        path: one.notes if isinstance(one, MadePicture) else (one,) for path, one in made.items()
    }
    return PublishedLetter(
        rendered=dataclasses.replace(
            rendered,
            html=with_published(rendered.html, base, names),
            mjml=with_published(rendered.mjml, base, names),
            images=tuple(told(image) for image in rendered.images),
        ),
        pictures={names[path]: one for path, one in fit.items()},
        originals={name: path for path, name in names.items()},
        faults={path: found for path, found in faults.items() if found},
    )
