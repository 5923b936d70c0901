"""What stands between the program and its database and stands still when told, as a stopped pooler."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote


class Relay:
    """Hands on what comes, both ways, while it goes; its machine acknowledges everything.

    Args:
        server: the folder of the server's socket.
        folder: for its own, made here.
        database: the one that is reached through it.

    Attributes:
        stops_at: it stands still before it hands this on, once.
    """

    def __init__(self, server: Path, folder: Path, database: str) -> None:
        self.database = database
        self.stops_at = b""
        self.folder, self._server = folder, server / ".s.PGSQL.5432"
        folder.mkdir()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / ".s.PGSQL.5432"))
        self._door.listen(64)
        self._goes = threading.Event()
        self._goes.set()
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        """Stand still."""
        self._goes.clear()

    def stands_still(self) -> bool:
        """Whether it does."""
        return not self._goes.is_set()

    def go_on(self) -> None:
        """Hand on what has come meanwhile, too."""
        self._goes.set()

    def url(self) -> str:
        """The database behind it, as an author writes it."""
        return f"postgresql://nobody@/{self.database}?host={quote(str(self.folder))}"

    def close(self) -> None:
        """Stop listening."""
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                self._goes.wait()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.stops_at and self.stops_at in data:
                    self.stop()
                self._goes.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()  # the other pump has the other end


@contextlib.contextmanager
def relay(server: Path, folder: Path, database: str) -> Iterator[Relay]:
    """One for the length of a `with`."""
    made = Relay(server, folder, database)
    try:
        yield made
    finally:
        made.go_on()
        made.close()
