import re
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from browser import browser
from pages import Served, Visitor, served
from playwright.sync_api import Playwright

from qwen_chat.errors import UsageError
from qwen_chat.http import accounts
from qwen_chat.http.accounts import Accounts
from qwen_chat.http.throttle import Throttle
from qwen_chat.web.login_sessions import LoginSessions

PASSWORD = "pass:wörd 密码"  # noqa: S105


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served, None, None]:
    """A page for two."""
    known = Accounts([("ann", PASSWORD), ("李雷", "geheim")])
    with served(tmp_path_factory.mktemp("team"), accounts=known) as page:
        yield page


def logged_in(visitor: Visitor, name: str = "ann", password: str = PASSWORD) -> Visitor:
    answer = visitor.log_in(name, password)
    assert answer.status_code == 303, answer.text
    return visitor


# Accounts


def test_an_account_is_read_up_to_its_first_colon(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    file.write_text("# the team\n\n李雷:a:b\n" + accounts.written("eve", PASSWORD) + "\n", encoding="utf-8")
    known = accounts.read([f"ann:{PASSWORD}"], file)
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
        accounts.read([text], None)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="ann stands there twice"):
        accounts.read(["ann:a", "ann:b"], None)


def test_a_hash_that_nobody_could_pay_for_is_refused() -> None:
    line = re.sub(r"scrypt:\d+", "scrypt:67108864", accounts.written("ann", PASSWORD))
    with pytest.raises(UsageError, match="costs"):
        accounts.read([line], None)


def test_no_password_is_kept() -> None:
    known = Accounts([("ann", PASSWORD)])
    assert PASSWORD not in repr(vars(known))
    assert PASSWORD not in accounts.written("ann", PASSWORD)
    assert accounts.written("ann", PASSWORD) != accounts.written("ann", PASSWORD)


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


# The page of the login


def test_one_logs_in_with_a_form_and_out_again(team: Served) -> None:
    with team.visitor() as visitor:
        shown = visitor.http.get("./", follow_redirects=True)
        assert shown.url.path == "/login"
        assert "<form" in shown.text
        answer = visitor.log_in("ann", PASSWORD)
        assert (answer.status_code, answer.headers["location"]) == (303, "./")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "path=/;" in f"{cookie};"
        assert "secure" not in cookie
        assert visitor.http.get("./").status_code == 200
        assert visitor.http.get("chat/me").json() == {"name": "ann", "auth": True}
        kept = dict(visitor.http.cookies)
        assert visitor.http.post("logout").headers["location"] == "login"
        assert visitor.http.get("chat/me").status_code == 401
        visitor.http.cookies.update(kept)
        assert visitor.http.get("chat/me").status_code == 401


def test_without_accounts_nobody_logs_in(tmp_path: Path) -> None:
    with served(tmp_path) as page, page.visitor() as visitor:
        assert visitor.http.get("chat/me").json() == {"name": "", "auth": False}
        assert visitor.http.post("login", data={"name": "ann"}).status_code == 404
        assert visitor.http.get("login").status_code == 404


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong"), ("bob", PASSWORD), ("", ""), ("ann", ""), ("ann", "\udcff"), ('"><b>', "x")],
)
def test_what_is_wrong_is_said_and_nothing_more(team: Served, name: str, password: str) -> None:
    with team.visitor() as visitor:
        data = {"name": name, "password": password.encode(errors="surrogateescape")}
        answer = visitor.http.post("login", data=data)
        assert answer.status_code == 401
        assert 'role="alert">The name or the password is wrong.' in answer.text
        assert "set-cookie" not in answer.headers
        assert "<b>" not in answer.text


@pytest.mark.parametrize(
    ("after", "place"),
    [
        ("chat=abc123", "./?chat=abc123"),
        ("x=1&chat=a/b", "./?chat=a%2Fb"),
        ("https://evil.test", "./"),
        ("//evil.test", "./"),
        ("chat=\r\nSet-Cookie: x", "./?chat=%0D%0ASet-Cookie%3A+x"),
    ],
)
def test_one_goes_on_to_the_conversation_and_nowhere_else(team: Served, after: str, place: str) -> None:
    with team.visitor() as visitor:
        assert visitor.log_in("ann", PASSWORD, after=after).headers["location"] == place


def test_the_conversation_that_was_asked_for_is_remembered(team: Served) -> None:
    with team.visitor() as visitor:
        shown = visitor.http.get("./?chat=abc123", follow_redirects=True)
        assert 'name="after" value="chat=abc123"' in shown.text


@pytest.mark.parametrize(
    ("asked", "language"), [("zh-CN,en;q=0.5", "zh"), ("en", "en"), ("fr, zh;q=0.1", "zh"), ("", "en")]
)
def test_the_form_speaks_english_and_chinese(team: Served, asked: str, language: str) -> None:
    with team.visitor() as visitor:
        shown = visitor.http.get("login", headers={"Accept-Language": asked}).text
        assert f'<html lang="{language}">' in shown
        assert ("密码" in shown) is (language == "zh")
        assert "$" not in shown


def test_the_form_works_without_scripts(team: Served, playwright: Playwright, tmp_path: Path) -> None:
    said: list[str] = []
    with browser(playwright, tmp_path) as chromium:
        page = chromium.page
        page.on("console", lambda message: said.append(message.text))
        page.route("**/*.js", lambda route: route.abort())
        page.goto(f"{team.page.url}?chat=abc123")
        page.get_by_label("Name").fill("李雷")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").wait_for()
        assert [line for line in said if "401" not in line] == []
        page.get_by_label("Password").fill("geheim")
        with page.expect_navigation(url=f"{team.page.url}?chat=abc123"):
            page.keyboard.press("Enter")


# Two people


def test_two_people_never_see_each_others_conversations(team: Served) -> None:
    with team.visitor() as first, team.visitor() as second:
        ann, lei = logged_in(first), logged_in(second, "李雷", "geheim")
        chat = ann.begin()
        ann.send(chat, "a secret of mine")
        assert "secret" in ann.answer(chat)
        message = next(frame["order"] for frame in ann.frames(chat) if "order" in frame)[0]
        assert [each["id"] for each in ann.http.get("chat/list").json()["chats"]] == [chat]

        assert lei.http.get("chat/list").json() == {"chats": []}
        assert lei.http.get("chat/list", params={"words": "secret"}).json() == {"chats": []}
        for address in (
            f"chat/{chat}/events",
            f"chat/{chat}/messages?before={message}",
            f"chat/{chat}/text/{message}",
            f"chat/{chat}/export?kind=md",
        ):
            answer = lei.http.get(address)
            assert 400 <= answer.status_code < 500, address
            assert "mine" not in answer.text
        for action, body in (
            ("send", {"text": "hello", "files": []}),
            ("stop", None),
            ("continue", None),
            ("retry", {"message": message}),
            ("edit", {"message": message, "text": "x"}),
            ("take-out", {"message": message}),
            ("show", {"message": message}),
            ("system", {"text": "x"}),
            ("think", {"think": "off"}),
            ("rename", {"text": "x"}),
            ("pin", {"pinned": True}),
            ("delete", None),
        ):
            answer = lei.http.post(f"chat/{chat}/{action}", json=body)
            assert 400 <= answer.status_code < 500, action
        assert "secret" in ann.answer(chat)
        assert [each["id"] for each in ann.http.get("chat/list").json()["chats"]] == [chat]


# Guessing


def test_after_five_wrong_passwords_one_has_to_wait(team: Served) -> None:
    with team.visitor() as visitor:
        for _ in range(5):
            assert visitor.log_in("eve", "wrong").status_code == 401
        while (answer := visitor.log_in("eve", "wrong")).status_code == 401:
            pass  # the first waits are short, and hashing takes time
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert "Too many tries" in answer.text
        assert visitor.log_in("李雷", "geheim").status_code == 303


def test_the_wait_doubles_and_ends() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(20):
        if (wait := throttle.begin("1.2.3.4", "ann")) > 0:
            waits.append(wait)
            clock.now += wait
            assert throttle.begin("1.2.3.4", "ann") == 0
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert max(waits) <= 900
    assert throttle.begin("1.2.3.4", "ann") > 0
    assert throttle.begin("1.2.3.4", "bob") == 0
    assert throttle.begin("1.2.3.5", "ann") == 0
    clock.now += 3601
    assert [throttle.begin("1.2.3.4", "ann") for _ in range(5)] == [0] * 5


def test_a_right_password_ends_the_wait() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(50):
        clock.now += 30
        assert [throttle.begin("1.2.3.4", "ann") for _ in range(5)] == [0] * 5
        throttle.passed("1.2.3.4", "ann")


def test_one_who_has_a_network_has_one_address() -> None:
    throttle = Throttle(Clock())
    waits = [throttle.begin(f"2001:db8::{number:x}", "ann") for number in range(1, 9)]
    assert waits[:5] == [0] * 5
    assert min(waits[5:]) > 0
    waits = [throttle.begin(f"::ffff:10.0.0.{number}", "bob") for number in range(1, 9)]
    assert waits == [0] * 8


def test_many_addresses_together_are_slowed_and_take_no_memory() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    let_in = 0
    for number in range(30_000):
        clock.now += 0.1
        let_in += throttle.begin(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "ann") == 0
    assert let_in <= 100 * (30_000 * 0.1 / 60 + 1)
    assert len(throttle._tries) <= 10_000


def test_a_login_ends_after_a_month_without_a_visit() -> None:
    clock = Clock()
    logins = LoginSessions(clock)
    secret = logins.begin("ann")
    for _ in range(3):
        clock.now += 29 * 24 * 3600
        assert logins.name(secret) == "ann"
    clock.now += 31 * 24 * 3600
    assert logins.name(secret) is None
    assert secret not in repr(vars(logins))


def test_logins_take_bounded_memory_and_the_oldest_goes_first() -> None:
    logins = LoginSessions(Clock())
    secrets = [logins.begin(f"{number}") for number in range(10_001)]
    assert logins.name(secrets[0]) is None
    assert logins.name(secrets[1]) == "1"
    assert len(set(map(len, secrets))) == 1
    assert min(map(len, secrets)) >= 43
