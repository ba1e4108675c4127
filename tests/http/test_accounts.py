"""Accounts: their lines, their hashes, and what a wrong password takes."""

import hashlib
import re
import time
from pathlib import Path

import pytest

from qwen_chat.errors import UsageError
from qwen_chat.http import accounts
from qwen_chat.http.accounts import Accounts

PASSWORD = "pass:wörd 密码"  # noqa: S105


def test_an_account_is_read_up_to_its_first_colon(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    file.write_text(
        "# the team\n\n李雷:a:b\n" + accounts.account_line("eve", PASSWORD) + "\n", encoding="utf-8"
    )
    known = accounts.read_accounts([f"ann:{PASSWORD}"], file)
    assert known is not None
    assert known.check("ann", PASSWORD) == "ann"
    assert known.check("李雷", "a:b") == "李雷"
    assert known.check("eve", PASSWORD) == "eve"
    assert known.check("eve", "pass") is None
    assert known.check("bob", PASSWORD) is None
    assert known.check("# the team", "") is None


def test_one_name_typed_in_two_ways_is_one_person() -> None:
    assert Accounts([("zoe\u0301", "e\u0301")]).check("zo\u00e9", "\u00e9") == "zo\u00e9"


@pytest.mark.parametrize("text", ["ann", "ann:", ":secret", "a\nb:secret", "x" * 101 + ":secret"])
def test_what_is_no_account_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="account") as refused:
        accounts.read_accounts([text], None)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="the account ann is there twice"):
        accounts.read_accounts(["ann:a", "ann:b"], None)


def test_a_hash_that_nobody_could_pay_for_is_refused() -> None:
    line = re.sub(r"scrypt:\d+", "scrypt:67108864", accounts.account_line("ann", PASSWORD))
    with pytest.raises(UsageError, match="costs"):
        accounts.read_accounts([line], None)


@pytest.mark.parametrize(("n", "r", "p"), [(2, 1, 1), (2, 8, 1), (64, 1, 16)])
def test_a_hash_of_another_cost_lets_one_in(n: int, r: int, p: int) -> None:
    key = hashlib.scrypt(PASSWORD.encode(), salt=b"saltsalt", n=n, r=r, p=p).hex()
    known = accounts.Accounts([("ann", f"scrypt:{n}:{r}:{p}$saltsalt${key}")])
    assert known.check("ann", PASSWORD) == "ann"
    assert known.check("ann", f"{PASSWORD}!") is None


def test_no_password_is_kept() -> None:
    known = Accounts([("ann", PASSWORD)])
    assert PASSWORD not in repr(vars(known))
    assert PASSWORD not in accounts.account_line("ann", PASSWORD)
    assert accounts.account_line("ann", PASSWORD) != accounts.account_line("ann", PASSWORD)


@pytest.mark.timing
def test_a_name_that_is_not_known_takes_as_long_as_a_wrong_password() -> None:
    known = Accounts([("ann", PASSWORD)])
    times: dict[str, list[float]] = {"ann": [], "bob": []}
    for _ in range(5):
        for name, taken in times.items():
            started = time.thread_time()
            known.check(name, "wrong")
            taken.append(time.thread_time() - started)
    assert 0.5 < min(times["bob"]) / min(times["ann"]) < 2
