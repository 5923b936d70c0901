"""Where the records are, as their URL tells."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from pydantic_core import PydanticCustomError

from newsletter.errors import InputError
from newsletter.project import private
from newsletter.settings import values

_DEFAULT: Final = f"{private.STORE}/newsletter.db"
_SQLITE: Final = "sqlite:///"


def other_url(root: Path, url: str, password: str = "") -> str:
    """The URL of other records than those of the settings, made absolute as theirs.

    Raises:
        InputError: it is none; it is not repeated, for it may hold a password.
    """
    try:
        return store_url(root, values.store_url(url), password)
    except PydanticCustomError as error:
        told = error.context or {}
        raise InputError(f"the URL {told['problem']}", hint=told["hint"]) from None


def store_url(root: Path, url: str, password: str = "") -> str:
    """The setting `store.url` made absolute; "" is the default file inside the folder.

    Args:
        root: of the newsletter.
        url: the setting.
        password: for a server; it stands in the URL then, which is for no message.
    """
    if not url:
        return f"{_SQLITE}{root.absolute() / _DEFAULT}"
    if url.startswith(_SQLITE):
        return f"{_SQLITE}{root.absolute() / url.removeprefix(_SQLITE)}"
    # Files of this machine lie in the folder in any case.
    added = {"folder": str(root.absolute() / private.STORE)}
    if password:
        added["password"] = password
    return f"{url}{'&' if '?' in url else '?'}{urlencode(added, quote_via=quote)}"
