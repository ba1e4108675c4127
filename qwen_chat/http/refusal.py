"""How a server words a refusal: the page and the API each have a format of their own."""

from collections.abc import Callable

from starlette.responses import Response

Refuse = Callable[[int, str], Response]
"""Returns the response of a status and one line that says what is wrong."""
