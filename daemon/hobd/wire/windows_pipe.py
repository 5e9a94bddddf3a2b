r"""Named pipes of Windows that only their owner and the system may open, and no network.

Must never make one with looser rights, not for an instant. Used by the door (door/windows_pipe.py), and for a
worker's wire (broker/windows_spawning.py): each has a pipe of its own, of a name that nobody can guess.

Wine runs this file in tests. It keeps the rights and enforces none: no Windows has shown yet that it does.
"""

from __future__ import annotations

import ctypes
import secrets

from hob.address import PIPE_PREFIX
from hob.windows_user import last_error, library, own_sid

_DUPLEX, _OVERLAPPED, _FIRST_INSTANCE = 0x00000003, 0x40000000, 0x00080000
_REJECT_REMOTE = 0x00000008  # and bytes, and waiting: zeros
_MOST_INSTANCES, _BUFFER_BYTES = 255, 1 << 16
_READ_AND_WRITE, _OPEN_EXISTING = 0xC0000000, 3
_READ_CONTROL, _ACCESS_LIST, _KERNEL_OBJECT = 0x00020000, 4, 6
_SDDL_REVISION = 1
_INVALID = ctypes.c_void_p(-1).value


class SecurityAttributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES: who may open what is made, and whether a child inherits it."""

    _fields_ = [("nLength", ctypes.c_uint32), ("lpDescriptor", ctypes.c_void_p), ("bInherit", ctypes.c_int)]


def owner_only(sid: str) -> str:
    """The rights as text: full for the owner and the system, none for others, and nothing inherited."""
    return f"D:P(A;;GA;;;SY)(A;;GA;;;{sid})"


def make_instance(name: str, *, is_first: bool, is_only: bool = False) -> int:
    """A handle that waits for one who comes. OSError, for the first one also if the name is taken."""
    kernel = library("kernel32")
    kernel.CreateNamedPipeW.restype = ctypes.c_void_p
    descriptor = _descriptor(owner_only(own_sid()))
    attributes = SecurityAttributes(ctypes.sizeof(SecurityAttributes), descriptor, False)
    flags = _DUPLEX | _OVERLAPPED | (_FIRST_INSTANCE if is_first else 0)
    sizes = (1 if is_only else _MOST_INSTANCES, _BUFFER_BYTES, _BUFFER_BYTES, 0)
    handle = kernel.CreateNamedPipeW(name, flags, _REJECT_REMOTE, *sizes, ctypes.byref(attributes))
    failed = last_error() if handle in (None, _INVALID) else None
    kernel.LocalFree(ctypes.c_void_p(descriptor))
    if failed is not None:
        raise failed
    return int(handle)


def make_pair() -> tuple[int, int]:
    """Both ends of a pipe that nobody else can open: ours, and one that a child may inherit."""
    name = f"{PIPE_PREFIX}hob-wire-{secrets.token_hex(16)}"
    ours = make_instance(name, is_first=True, is_only=True)
    attributes = SecurityAttributes(ctypes.sizeof(SecurityAttributes), None, True)
    try:
        return ours, _open(name, _READ_AND_WRITE, ctypes.byref(attributes), _OVERLAPPED)
    except OSError:
        close(ours)
        raise


def rights_of(name: str) -> str:
    """Who may open a pipe, as Windows keeps it, in the form of `owner_only`. OSError."""
    handle = _open(name, _READ_CONTROL, None, 0)
    descriptor, text = ctypes.c_void_p(), ctypes.c_wchar_p()
    advapi, kernel = library("advapi32"), library("kernel32")
    what = (_KERNEL_OBJECT, _ACCESS_LIST, None, None, None, None)
    try:
        code = advapi.GetSecurityInfo(ctypes.c_void_p(handle), *what, ctypes.byref(descriptor))
        if code:
            raise OSError(code, "the rights of the pipe cannot be read")
        write = advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW
        if not write(descriptor, _SDDL_REVISION, _ACCESS_LIST, ctypes.byref(text), None):
            raise last_error()
        return text.value or ""
    finally:
        kernel.LocalFree(descriptor)
        kernel.LocalFree(text)
        close(handle)


def close(handle: int) -> None:
    library("kernel32").CloseHandle(ctypes.c_void_p(handle))


def _open(name: str, access: int, attributes: object, flags: int) -> int:
    kernel = library("kernel32")
    kernel.CreateFileW.restype = ctypes.c_void_p
    handle = kernel.CreateFileW(
        ctypes.c_wchar_p(name), ctypes.c_uint32(access), 0, attributes, _OPEN_EXISTING, flags, None
    )
    if handle in (None, _INVALID):
        raise last_error()
    return int(handle)


def _descriptor(sddl: str) -> int:
    found = ctypes.c_void_p()
    convert = library("advapi32").ConvertStringSecurityDescriptorToSecurityDescriptorW
    if not convert(ctypes.c_wchar_p(sddl), _SDDL_REVISION, ctypes.byref(found), None):
        raise last_error()
    return found.value or 0
