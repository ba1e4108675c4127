"""The address of a server, and its certificate."""

import re
from pathlib import Path

import pytest
from places import DATA

from qwen_chat.errors import UsageError
from qwen_chat.http.listen import Certificate, listen

CERTIFICATE = DATA / "localhost.pem"
"""Of localhost, its key locked with the word opensesame."""


def test_a_port_that_is_taken_is_named_with_one_that_is_not() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"port {port} is taken: --server-port (\d+) is free"
        ) as refused:
            listen("127.0.0.1", port)
        free = int(re.findall(r"\d+", str(refused.value))[-1])
        listen("127.0.0.1", free).close()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_of_somewhere_else_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match=host):
        listen(host, 0)


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_certificate_that_cannot_be_used_is_said_and_nothing_is_asked(password: str) -> None:
    with pytest.raises(UsageError, match=r"localhost\.pem"):
        Certificate(CERTIFICATE, None, password).context()
    with pytest.raises(UsageError, match=r"nowhere\.pem"):
        Certificate(Path("nowhere.pem")).context()
