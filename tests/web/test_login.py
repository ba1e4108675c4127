from collections.abc import Generator
from pathlib import Path

import pytest
from browser import browser
from clock import Clock
from pages import Served, Visitor, served
from playwright.sync_api import Playwright

from qwen_chat.http.accounts import Accounts
from qwen_chat.web.login_sessions import LoginSessions

PASSWORD = "pass:wörd 密码"  # noqa: S105


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
