"""A model that cannot count tokens, and whose context is not known, works everywhere."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from scripted import ScriptedModel

from qwen_chat import batch, commands
from qwen_chat.errors import ContextLengthError, UsageError
from qwen_chat.evaluation.role_probes import run_probes
from qwen_chat.message import Attachment, Delta, Usage
from qwen_chat.model.base import PLAIN, Cancel, Chat, ChatModel, Deltas, PromptOptions
from qwen_chat.model.loading import LoadingModel
from qwen_chat.roles import load_role
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.attachments import describe_sizes
from qwen_chat.session.session import ChatSession
from qwen_chat.session.users import People, Person
from qwen_chat.settings import Settings
from qwen_chat.terminal.output.footer import format_footer
from qwen_chat.terminal.output.verbose import format_cost
from qwen_chat.web.views import chat_view


class RemoteModel(ScriptedModel):
    """A model on a server that refuses prompts of more characters than `limit`, and gives no numbers."""

    name = "remote"

    def __init__(self, *script: str, limit: int = 10**9) -> None:
        super().__init__(*script)
        self.context_length = None
        self.limit = limit

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the script and its cost."""
        size = sum(len(message.content) for message in messages)
        if size > self.limit:
            raise ContextLengthError(None, None)
        self.prompts.append(list(messages))
        yield from (Delta(str(word)) for word in self.script)
        yield Delta(finish_reason="stop", usage=Usage(size, 0, len(self.script), 0.1, 0.1))


@pytest.fixture(params=["at once", "after loading"])
def opened(request: pytest.FixtureRequest) -> Callable[[RemoteModel], ChatModel]:
    """Return the model itself, or a model that loads it and knows nothing about it before."""
    if request.param == "at once":
        return lambda model: model
    return lambda model: LoadingModel(model.name, lambda: model)


Opened = Callable[[RemoteModel], ChatModel]


def test_it_answers_and_its_cost_is_shown_without_the_context(opened: Opened) -> None:
    session = ChatSession(opened(RemoteModel("two ", "words")), Settings(verbose=True))
    turn = session.send("Hello")
    assert turn.wait().message.content == "two words"
    assert "context 7" in format_footer(turn, session.model.context_length).split(" · ")
    assert "\ncontext      7 tokens\n" in format_cost(session, turn)
    assert "context     7 tokens" in commands.run(session, "stats", "").text


def test_a_long_conversation_goes_on_without_its_oldest_turns(opened: Opened) -> None:
    remote = RemoteModel("yes", limit=400)
    session = ChatSession(opened(remote))
    notices: list[str] = []
    for number in range(20):
        turn = session.send(f"{number} " + "x" * 60)
        assert turn.wait().message.content == "yes", turn.error
        assert remote.prompts[-1][-1].content.startswith(f"{number} ")
        notices += turn.notices
    assert session.left_out >= 10
    assert any("no longer reads the oldest" in notice for notice in notices)


def test_a_message_that_is_too_long_is_refused_in_one_line(opened: Opened) -> None:
    session = ChatSession(opened(RemoteModel("yes", limit=400)))
    turn = session.send("x" * 500)
    turn.wait()
    assert str(turn.error) == "the prompt does not fit the context of the model: shorten the message"
    assert session.send("short").wait().message.content == "yes"


def test_files_are_sent_without_a_size_in_tokens(opened: Opened, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("The sky is green.\n" * 2000)
    remote = RemoteModel("yes")
    session = ChatSession(opened(remote))
    outcome = commands.run(session, "file", f"{notes} -- What colour is the sky?")
    assert outcome.turn is not None
    outcome.turn.wait()
    assert "token" not in outcome.text
    assert "The sky is green." in remote.prompts[-1][-1].content
    assert describe_sizes([Attachment("a.txt", "one\ntwo\n")], session.model) == ["a.txt: 2 lines"]


@pytest.mark.parametrize("line", [("prompt", ""), ("tokens", "Hello"), ("alt", ""), ("alt", "1")])
def test_commands_about_tokens_say_why_they_cannot_show_any(opened: Opened, line: tuple[str, str]) -> None:
    session = ChatSession(opened(RemoteModel("yes")))
    session.send("Hello").wait()
    with pytest.raises(UsageError, match=r"^remote runs on a server that does not show its tokens$"):
        commands.run(session, *line)


def test_the_page_has_no_gauge(opened: Opened) -> None:
    import gradio as gr
    from fastapi import Request

    from qwen_chat.web.panel.context import PanelContext
    from qwen_chat.web.panel.model_events import ModelEvents
    from qwen_chat.web.panel.model_switch import ModelSwitches

    model = opened(RemoteModel("yes"))
    people = People(lambda name: Person(name, model, Settings(), None))
    session = people[""].begin()
    session.send("Hello").wait()
    assert chat_view(session)["context"] == [6, 0]
    address = f"chat={session.history.id}".encode()
    request = gr.Request(Request({"type": "http", "headers": [], "query_string": address}))
    shown = ModelEvents(PanelContext(people, "en"), ModelSwitches()).show(request)
    assert shown[2]["value"] == "6"


def test_batches_are_answered_one_by_one(opened: Opened) -> None:
    jobs = batch.read_jobs(['"one"', '"two"'], SamplingParams(), None)
    results = batch.run_jobs(opened(RemoteModel("yes")), jobs, batch_size=8, parallel=1, cancel=Event())
    assert [answer.text for _, answer in results if not isinstance(answer, Exception)] == ["yes", "yes"]


def test_roles_can_be_tested(opened: Opened) -> None:
    role = load_role("json-extract")
    (verdict, *_) = run_probes(opened(RemoteModel("yes")), role, SamplingParams())
    assert verdict.runs[0].said == "yes"


def test_what_is_known_before_loading_never_waits() -> None:
    gate = Event()
    remote = RemoteModel("yes")

    def load() -> ChatModel:
        gate.wait(60)
        return remote

    model = LoadingModel("slow", load)
    session = ChatSession(model)
    model.start_loading()
    started = time.monotonic()
    assert (model.name, model.checkpoint, model.capabilities.tokens) == ("slow", None, None)
    view = chat_view(session)["model"]
    assert {**view, "about": ""} == {"name": "slow", "about": "", "ready": False, "fault": None, "notice": ""}
    assert "thinking: auto" in commands.run(session, "think", "").text
    assert time.monotonic() - started < 5
    gate.set()
    assert session.send("Hello").wait().message.content == "yes"
