"""A folder of .eml files: the default, the rehearsal, and the double in tests."""

from __future__ import annotations

from pathlib import Path

from newsletter.delivery import Allowance, Outcome, Result
from newsletter.errors import AccountError, NewsletterError, PausedError
from newsletter.message import Message
from newsletter.project import private
from newsletter.project.files import write_atomic


class FolderTransport:
    """Writes every mail to `<folder>/<issue>/<position>.eml`; a second try overwrites the first.

    A file appears whole or not at all. File names hold no address; the mails do, and links that
    work, so they are for their owner alone, and git does not see them.
    """

    name = "folder"
    rehearsal = True
    stamps = False

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made with the first mail."""
        self.folder = folder
        self._made: Path | None = None

    def path(self, message: Message) -> Path:
        """Where a mail is written."""
        name = f"{message.position:04d}"
        if message.position == 0 and message.attempt > 1:  # the second test mail of one command
            name += f"-{message.attempt}"
        return self.folder / f"{message.issue:03d}" / f"{name}.eml"

    def describe(self) -> str:
        """Where mail goes."""
        return f"the folder {self.folder.name}/ (a rehearsal: nothing leaves)"

    def allowance(self) -> Allowance:
        """As fast as the disk is."""
        return Allowance()

    def begin(self, issue: int) -> None:
        """Take away the mails of an earlier rehearsal, so that none of them is taken for new.

        Raises:
            AccountError: one of them cannot be taken away.
        """
        for path in (self.folder / f"{issue:03d}").glob("*.eml"):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise AccountError(
                    f"a mail of an earlier rehearsal cannot be taken away: {path.name}",
                    cause=error.strerror,
                    hint=f"empty the folder {path.parent.name}/ yourself",
                ) from error

    def deliver(self, message: Message) -> Outcome:
        """Write one mail; a disk that refuses would refuse the next one as well."""
        path = self.path(message)
        try:
            self._make_room(path.parent)
            write_atomic(path, message.data, for_owner=True)
        except PausedError:
            return Outcome(result=Result.NOT_SENT, reason="the disk is full")
        except (NewsletterError, OSError):
            return Outcome(result=Result.NOT_SENT, reason="the folder cannot be written")
        return Outcome(result=Result.ACCEPTED, message_id=f"{message.issue:03d}/{path.name}")

    def _make_room(self, folder: Path) -> None:
        if folder == self._made:
            return
        self.folder.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
        private.make_folder(folder)
        private.hide_from_git(folder)
        self._made = folder

    def close(self) -> None:
        """Nothing is kept open."""
