"""What nobody foresaw, as an error of the tree; its details go to a file of this machine."""

from __future__ import annotations

from newsletter.errors import NewsletterError


def foreseen(error: Exception) -> NewsletterError:
    """The error itself where it is ours, else one sentence with the file that tells more.

    A traceback may hold addresses, and a terminal is read by others.
    """
    if isinstance(error, NewsletterError):
        return error
    return NewsletterError(
        f"something unexpected happened ({type(error).__name__})", hint=_kept(error)
    )


def _kept(bug: Exception) -> str:
    """Keep the traceback in a file; a disk without room must not hide what is told of it."""
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="newsletter-", suffix=".log", delete=False,
            encoding="utf-8", errors="backslashreplace",
        ) as log:  # fmt: skip
            log.write("".join(traceback.format_exception(bug)))
    except OSError:
        return "the details could not be kept; --debug shows them here"
    return f"the details are in {log.name}; --debug shows them here"
