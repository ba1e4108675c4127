"""Files in messages, in a real browser, with the real model: brought in every way, shown as what they are."""

import re

from playwright.sync_api import Page, expect
from windows import Window

from qwen_chat.files.fenced import full_text
from qwen_chat.storage.store import Store

NOTES = "The key is teal.\n```\n<img src=x onerror='document.documentElement.dataset.ran = 1'>\n"
HOSTILE = "<b>bold & notes.html"
CARRY = """([kind, target, files]) => {
    const carried = new DataTransfer();
    for (const [name, text] of files) carried.items.add(new File([text], name));
    const made = kind === "paste"
        ? new ClipboardEvent(kind, {clipboardData: carried, bubbles: true, cancelable: true})
        : new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true});
    return document.querySelector(target).dispatchEvent(made);
}"""
"""Does to an element what a browser does when files are dragged over it, dropped or pasted there."""

TEXT_CARRIED = """kind => {
    const carried = new DataTransfer();
    carried.setData("text/plain", "a word");
    const made = new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true});
    return document.querySelector("#composer textarea").dispatchEvent(made);
}"""


def carry(tab: Page, kind: str, files: dict[str, str], target: str = "#composer textarea") -> bool:
    """Bring files, and return whether the browser is left to do what it would by itself: go to the file."""
    return bool(tab.evaluate(CARRY, [kind, target, list(files.items())]))


# Bringing


def test_files_are_dropped_onto_the_page(here: Window, store: Store) -> None:
    page = here.page
    form = page.locator("#composer form")
    assert not carry(page, "dragover", {"a.txt": "a"}, "#conversation")
    expect(form).to_have_class(re.compile("dropping"))
    carry(page, "dragleave", {}, "body")
    expect(form).not_to_have_class(re.compile("dropping"))

    page.locator("h1 button").focus()
    carry(page, "dragover", {"a.txt": "a"})
    assert not carry(page, "drop", {"one.txt": "The first.", "two.md": "The second."})
    expect(form).not_to_have_class(re.compile("dropping"))
    expect(page.locator(".chip")).to_have_text([re.compile("one.txt: 1 line"), re.compile("two.md: 1 line")])
    expect(page.locator("#composer textarea")).to_be_focused()
    here.says("What do they say?")
    kept = full_text(store.load(here.chat).path()[0].message)
    assert (
        kept == "one.txt:\n```txt\nThe first.\n```\n\ntwo.md:\n```md\nThe second.\n```\n\nWhat do they say?"
    )


def test_a_text_that_is_dragged_is_left_to_the_browser(here: Window) -> None:
    for kind in ("dragover", "drop"):
        assert here.page.evaluate(TEXT_CARRIED, kind)
    expect(here.page.locator("#composer form")).not_to_have_class(re.compile("dropping"))


def test_a_file_is_pasted_and_a_text_still_is_text(here: Window) -> None:
    page = here.page
    assert not carry(page, "paste", {"pasted.py": "print()"})
    expect(page.locator(".chip")).to_contain_text("pasted.py: 1 line")
    page.get_by_role("button", name="Remove pasted.py").click()
    expect(page.locator(".chip")).to_have_count(0)
    here.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("() => navigator.clipboard.writeText('a word')")
    page.focus("#composer textarea")
    page.keyboard.press("Control+V")
    expect(page.locator("#composer textarea")).to_have_value("a word")


# Shown


def test_a_file_that_was_sent_is_a_chip_that_unfolds_to_its_text(here: Window, store: Store) -> None:
    page = here.page
    carry(
        page,
        "drop",
        {"notes.md": NOTES, HOSTILE: "<script>document.documentElement.dataset.ran = 1</script>"},
    )
    expect(page.locator(".chip:not(.reading)")).to_have_count(2)
    here.says("What is the <i>key</i>?")
    for _ in ("as it was sent", "as it is after a reload"):
        assert page.locator(".message.user .typed").text_content() == "What is the <i>key</i>?"
        chips = page.locator(".message.user .file > summary")
        expect(chips).to_have_text([re.compile(r"notes\.md\s*3 lines"), re.compile(re.escape(HOSTILE))])
        expect(page.locator(".file pre").first).to_be_hidden()
        chips.first.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".file pre").first).to_be_visible()
        assert page.locator(".file pre").first.text_content() == NOTES
        chips.last.click()
        expect(page.locator(".file pre").last).to_have_text(re.compile("^<script>"))
        assert page.locator(".message.user :is(img, script, b, i)").count() == 0
        assert not page.evaluate("() => 'ran' in document.documentElement.dataset")
        page.reload()
        here.ready()
    kept = full_text(store.load(here.chat).path()[0].message)
    assert kept.startswith("notes.md:\n````md\nThe key is teal.")
    copied_and_edited(here, kept)


def copied_and_edited(here: Window, kept: str) -> None:
    page = here.page
    page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text; }; }")
    here.tool(".message.user", "Copy")
    page.wait_for_function("() => 'copied' in window")
    assert page.evaluate("() => window.copied") == kept
    here.tool(".message.user", "Edit")
    assert page.input_value(".editor textarea") == kept
    expect(page.locator(".message.user .file").first).to_be_hidden()


def test_a_fence_that_was_typed_is_no_file(here: Window) -> None:
    text = "The error:\n```\nno such file\n```\n\nWhat now?"
    here.says(text)
    assert here.page.locator(".message.user .typed").text_content() == text
    assert here.page.locator(".file").count() == 0
