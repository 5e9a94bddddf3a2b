"""Connects the gateway to its door, and to nothing else: the one errand of the process it was born from.

Must never look at what the gateway asks for: every `connect` of its gets the door, whatever it names.
Called by confine.py, in the parent.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct

# struct seccomp_notif, seccomp_notif_resp, seccomp_notif_addfd and their ioctls (linux/seccomp.h).
_ASKED = struct.Struct("<QIIiIQ6Q")
_ANSWER = struct.Struct("<QqiI")
_HAND_OVER = struct.Struct("<QIIII")
_RECEIVE, _SEND, _ADD = 0xC0502100, 0xC0182101, 0x40182103
_IN_PLACE_OF = 1  # SECCOMP_ADDFD_FLAG_SETFD
_DOOR_SECONDS = 5.0


def serve(listener: int, door: str, ended: int) -> None:
    """Until `ended` can be read: the gateway is gone."""
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    poller.register(ended, select.POLLIN | select.POLLHUP)
    while True:
        ready = dict(poller.poll())
        if ended in ready:
            return
        if ready.get(listener, 0) & select.POLLIN:
            _answer_one(listener, door)


def _answer_one(listener: int, door: str) -> None:
    asked = bytearray(_ASKED.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, asked)
    except OSError:
        return  # who asked has been interrupted
    fields = _ASKED.unpack(asked)
    number, descriptor = fields[0], fields[6] & 0xFFFFFFFF
    fault = _hand_over(listener, number, descriptor, door)
    try:
        fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(number, 0, -fault, 0)))
    except OSError:
        return


def _hand_over(listener: int, number: int, descriptor: int, door: str) -> int:
    """Puts a connection to the door in the place of the descriptor; the errno if that fails."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_DOOR_SECONDS)
        try:
            connection.connect(door)
            connection.setblocking(False)
            place = _HAND_OVER.pack(number, _IN_PLACE_OF, connection.fileno(), descriptor, os.O_CLOEXEC)
            fcntl.ioctl(listener, _ADD, bytearray(place))
        except TimeoutError:
            return errno.ETIMEDOUT
        except OSError as error:
            return error.errno or errno.ECONNREFUSED
    return 0
