"""Who a process of Windows belongs to, by the system's word: security identifiers, as text.

Must not be imported elsewhere than on Windows' ways. Used by the daemon for its door and its callers, and by
clients, who look whether the door is their own user's.
"""

from __future__ import annotations

import ctypes
from typing import Any

_QUERY, _TOKEN_USER, _QUERY_LIMITED = 0x0008, 1, 0x1000
_THIS_PROCESS = -1
_MOST_LETTERS = 184  # of an identifier as text


def own_sid() -> str:
    """OSError if Windows does not say."""
    return _sid_of(ctypes.c_void_p(_THIS_PROCESS))


def sid_of(pid: int) -> str:
    """Whose process it is. OSError, also where we may not know."""
    kernel = library("kernel32")
    kernel.OpenProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.OpenProcess(_QUERY_LIMITED, False, pid))
    if not process.value:
        raise last_error()
    try:
        return _sid_of(process)
    finally:
        kernel.CloseHandle(process)


def library(name: str) -> Any:
    return ctypes.WinDLL(name, use_last_error=True)  # type: ignore[attr-defined,unused-ignore]


def last_error() -> OSError:
    code = ctypes.get_last_error()  # type: ignore[attr-defined,unused-ignore]
    told: OSError = ctypes.WinError(code)  # type: ignore[attr-defined,unused-ignore]
    return told


def _sid_of(process: ctypes.c_void_p) -> str:
    kernel, advapi = library("kernel32"), library("advapi32")
    token = ctypes.c_void_p()
    if not advapi.OpenProcessToken(process, _QUERY, ctypes.byref(token)):
        raise last_error()
    try:
        size = ctypes.c_uint32()
        advapi.GetTokenInformation(token, _TOKEN_USER, None, 0, ctypes.byref(size))
        told = ctypes.create_string_buffer(size.value)
        if not advapi.GetTokenInformation(token, _TOKEN_USER, told, size, ctypes.byref(size)):
            raise last_error()
        sid = ctypes.cast(told, ctypes.POINTER(ctypes.c_void_p))[0]
        return _as_text(advapi, kernel, ctypes.c_void_p(sid))
    finally:
        kernel.CloseHandle(token)


def _as_text(advapi: Any, kernel: Any, sid: ctypes.c_void_p) -> str:
    text = ctypes.c_wchar_p()
    if not advapi.ConvertSidToStringSidW(sid, ctypes.byref(text)):
        raise last_error()
    found = (text.value or "")[:_MOST_LETTERS]
    kernel.LocalFree(text)
    return found
