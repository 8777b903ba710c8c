"""What systems say of files and connections that they refuse: texts of the C library (Linux)."""

from __future__ import annotations

from typing import Final

__all__ = ["SYSTEM"]

# Where another system words one of them otherwise, it stays in that system's words.
SYSTEM: Final = (
    "No such file or directory", "Permission denied", "Operation not permitted", "Not a directory",
    "Is a directory", "File exists", "Too many levels of symbolic links", "File name too long",
    "No space left on device", "Disk quota exceeded", "File too large", "Read-only file system",
    "Too many open files", "Too many open files in system", "Cannot allocate memory",
    "Resource temporarily unavailable", "Exec format error", "Input/output error",
    "Device or resource busy", "Invalid argument", "Directory not empty",
    "Invalid cross-device link", "Text file busy", "No such device or address", "No such device",
    "Stale file handle", "Connection timed out", "Connection refused", "Connection reset by peer",
    "No route to host", "Network is unreachable", "Operation not supported", "Bad file descriptor",
    "Broken pipe",
)  # fmt: skip
