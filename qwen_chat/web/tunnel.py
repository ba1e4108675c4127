"""A public address through a tunnel of Gradio's server, which sees all traffic.

Gradio offers a tunnel publicly only for an application that it serves itself. These two functions of it are
not public; nothing else here uses any of its private parts.
"""

import secrets
from collections.abc import Generator
from contextlib import contextmanager

from qwen_chat.errors import UsageError


@contextmanager
def open_tunnel(port: int) -> Generator[str, None, None]:
    """Yield the public address of a port of this machine; the tunnel is closed after the block.

    Raises: UsageError when there is no network, or the server does not answer.
    """
    from gradio.networking import setup_tunnel
    from gradio.tunneling import CURRENT_TUNNELS

    before = len(CURRENT_TUNNELS)
    try:
        url = setup_tunnel("127.0.0.1", port, secrets.token_urlsafe(32), None, None)
    except Exception as error:  # noqa: BLE001 - a download, a program and a server fail each in its own way
        reason = str(error.__cause__ or error).partition("\n")[0][:160]
        raise UsageError(
            f"--share: no address from Gradio's server ({reason}): is there a network?"
        ) from None
    try:
        yield url
    finally:
        for tunnel in CURRENT_TUNNELS[before:]:
            tunnel.kill()
