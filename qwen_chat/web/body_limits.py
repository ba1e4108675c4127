"""How large a request body may be at each of the page's addresses."""

from qwen_chat.web.uploads import MAX_BYTES

_FORM_BYTES = 2**16
"""What surrounds a file in a form."""

_LIMITS = {
    "/chat/import": 2**26,
    "/chat/file": MAX_BYTES,
    "/gradio_api/upload": MAX_BYTES + _FORM_BYTES,
    "/login": 2**13,
}
_DEFAULT = 2**22
"""For every other request, such as a long message."""


def limit_for(path: str) -> int:
    """Return the limit of an address in bytes."""
    return _LIMITS.get(path, _DEFAULT)
