"""Addresses of streams."""

import re
from urllib.parse import urlsplit, urlunsplit

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


def is_address(text: str) -> bool:
    """Whether a text is the address of a stream rather than a path.

    Example:
        >>> is_address("rtsp://10.0.0.7/cabin"), is_address("drives/a.mp4")
        (True, False)
    """
    return _SCHEME.match(text) is not None


def without_secrets(text: str) -> str:
    """Return an address without user, password and query, and anything else as it is.

    Example:
        >>> without_secrets("rtsp://me:secret@10.0.0.7/cabin?key=1")
        'rtsp://10.0.0.7/cabin'
    """
    if not is_address(text):
        return text
    parts = urlsplit(text)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
