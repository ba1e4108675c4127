"""The names that a server answers to."""

import pytest

from qwen_chat.http.hosts import Hosts


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("192.168.0.7:8000", True),
        ("box", True),
        ("box.local", True),
        ("chat.example.com", True),
        ("evil.test", False),
        ("local.evil.test", False),
    ],
)
def test_beyond_loopback_names_that_a_stranger_may_own_are_refused(host: str, known: bool) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - nothing is bound
    assert Hosts(everywhere, "https://chat.example.com/here").knows(host) is known
