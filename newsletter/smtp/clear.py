"""A socket in clear that waits in the kernel, and what the kernel knows of it without being asked.

A call of the system that may wait lets another thread run, and has to get the interpreter back
afterwards: with ten threads that costs more than the call. So whatever is said or heard is one such
call, with its deadline kept by the kernel; and whether there is anything to be read is told by a
counter of the kernel's, for which nobody lets go of anything.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Final

#: Of Linux's `struct tcp_info`: the state in its first byte, and in its 8 bytes from here how many
#: have come in all, the end of them counted as one.
_ARRIVED: Final = 128
_INFO: Final = _ARRIVED + 8
_ESTABLISHED: Final = 1
_MICROSECONDS: Final = 1_000_000


def arrived(sock: socket.socket) -> int | None:
    """How many bytes have ever come to a socket of TCP.

    Returns:
        None where only reading can tell: the connection is ending, or the system keeps no count.
    """
    if sys.platform != "linux":
        return None
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO)
    except OSError:
        return None
    if len(told) < _INFO or told[0] != _ESTABLISHED:
        return None
    return int.from_bytes(told[_ARRIVED:], sys.byteorder)


def receive(sock: socket.socket, most: int, *, seconds: float) -> bytes:
    """What there is to be read, as soon as there is any; nothing once the other side hung up.

    Raises:
        BlockingIOError: nothing came in so many seconds, above 0.
        OSError: nothing more will.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _time(seconds))
    return sock.recv(most)


def receive_now(sock: socket.socket, most: int) -> bytes:
    """What there is to be read, without any waiting; nothing once the other side hung up.

    Raises:
        BlockingIOError: there is nothing.
        OSError: nothing more will come.
    """
    return sock.recv(most, socket.MSG_DONTWAIT)


def send(sock: socket.socket, data: memoryview, *, seconds: float) -> int:
    """Hand over as much as there is room for in the given time; how many bytes that was.

    Raises:
        BlockingIOError: there was room for none in so many seconds, above 0.
        OSError: there will be none.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _time(seconds))
    return sock.send(data)


def _time(seconds: float) -> bytes:
    """A `struct timeval`; never zero, which would be for ever."""
    return struct.pack("ll", *divmod(int(seconds * _MICROSECONDS) + 1, _MICROSECONDS))
