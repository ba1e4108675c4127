"""The largest request body at each of the page's addresses."""

from qwen_chat.web.uploads import MAX_BYTES

_FORM_BYTES = 2**16
"""What surrounds a file in a form."""

_LIMITS = {"/chat/import": 2**26, "/chat/file": MAX_BYTES, "/login": 2**13}
_PANEL_UPLOAD = "/gradio_api/upload"
_DEFAULT = 2**22
"""For every other request, such as a long message."""


def limit_for(path: str) -> int:
    """Return the limit of an address in bytes."""
    if path.startswith("/panel/") and path.endswith(_PANEL_UPLOAD):
        return MAX_BYTES + _FORM_BYTES
    return _LIMITS.get(path, _DEFAULT)
