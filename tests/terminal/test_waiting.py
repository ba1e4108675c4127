"""A person whose request waits in the queue before a model sees how many answers come first."""

from io import StringIO
from threading import Event, Thread

from qwen_chat.message import Message
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.loading import LoadingModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.session import ChatSession
from qwen_chat.terminal.output.stream import show_turn


class Screen(StringIO):
    """What is written, and when a text was in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.seen = text, Event()

    def write(self, text: str) -> int:
        """Look for the text, too."""
        if self.text in text:
            self.seen.set()
        return super().write(text)


def test_the_status_line_shows_how_many_answers_come_first(model: LlamaCppModel) -> None:
    busy = LoadingModel("busy", lambda: model, parallel=1)
    other = busy.stream([Message("user", "Count to ten.")], SamplingParams())
    next(other)
    session = ChatSession(busy)
    session.configure(SamplingParams(max_new_tokens=4))
    screen = Screen("waiting: 1 answer before this one")

    def free() -> None:
        screen.seen.wait(10)
        other.close()

    freeing = Thread(target=free)
    freeing.start()
    show_turn(session.send("Hello."), screen, style="markdown")
    freeing.join()
    assert screen.seen.is_set()
    assert session.history.last_answer().message.content.strip() in screen.getvalue()
