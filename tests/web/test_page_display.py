"""How the page is shown in a real browser: on a phone, in Chinese, in the dark."""

from pages import Served
from playwright.sync_api import Browser, expect
from talks import said
from windows import Window, window


def test_at_the_width_of_a_phone_nothing_leads_sideways(browser: Browser, page: Served) -> None:
    table = f"| {' | '.join('abcdefghijkl' * 3)} |\n|{'---|' * 36}"
    wide = f"{table}\n\n```\n{'long ' * 60}\n```\n\n{'w' * 300}"
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with window(browser, page.page.url, **phone) as here:
        for chat in ("", said(page.store, "q" * 200, wide)):
            here.open(chat)
            assert sideways(here) == 0
        here.page.click(".of-list")
        expect(here.page.locator("#left a").first).to_be_in_viewport()
        here.page.locator(".scrim").first.click(position={"x": 350, "y": 400})
        expect(here.page.locator("#left")).not_to_be_visible()
        here.page.click(".of-settings")
        expect(here.page.locator("#right")).to_be_in_viewport()
        assert sideways(here) == 0


def test_on_a_phone_a_long_message_is_edited_with_its_buttons_in_sight(
    browser: Browser, page: Served
) -> None:
    chat = said(page.store, "line\n" * 200, "word " * 600)
    phone = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    with window(browser, page.page.url, **phone) as here:
        here.open(chat)
        here.page.locator(".message.user").get_by_role("button", name="Edit").click()
        for each in ("Cancel", "Send"):
            button = here.page.locator(".editor").get_by_role("button", name=each)
            expect(button).to_be_in_viewport(ratio=1)


def sideways(here: Window) -> int:
    return int(
        here.page.evaluate(
            """() => {
                const boxes = [document.documentElement, document.querySelector(".scroll")];
                return Math.max(...boxes.map((box) => box.scrollWidth - box.clientWidth));
            }"""
        )
    )


def test_the_page_speaks_chinese_and_keeps_the_chosen_language(browser: Browser, page: Served) -> None:
    with window(browser, page.page.url, locale="zh-CN") as here:
        here.open()
        tab = here.page
        assert tab.evaluate("document.documentElement.lang") == "zh-CN"
        assert tab.get_attribute("#composer textarea", "placeholder") == "请输入消息"
        expect(tab.locator(".card").first).to_have_attribute("lang", "zh")
        tab.click(".of-list")
        tab.get_by_role("button", name="English").click()
        tab.wait_for_function("() => document.documentElement.lang === 'en'")
        here.ready()
        tab.reload()
        here.ready()
        assert tab.get_attribute("#composer textarea", "placeholder") == "Ask anything"


def test_the_page_is_dark_when_that_is_chosen_whatever_the_system_is(here: Window) -> None:
    tab = here.page
    ground = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(ground) == "rgb(251, 250, 248)"
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(f"() => {ground} === 'rgb(23, 23, 26)'")
    tab.click(".of-list")
    tab.click("#appearance")
    tab.get_by_role("menuitem", name="Light").click()
    tab.wait_for_function(f"() => {ground} === 'rgb(251, 250, 248)'")
    tab.reload()
    here.ready()
    assert tab.evaluate(ground) == "rgb(251, 250, 248)"
