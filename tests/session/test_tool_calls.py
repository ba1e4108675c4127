"""Tool calls and notices that a model streams reach the history, the store and the next prompt."""

from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedModel

from qwen_chat.history import AnswerDetails
from qwen_chat.message import Delta, Message, ToolCall, ToolCallPiece
from qwen_chat.model.base import PLAIN, Cancel, Chat, Deltas, PromptOptions
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.delta_accumulator import join_tool_calls
from qwen_chat.session.session import ChatSession
from qwen_chat.storage.store import Store

CALLS = (ToolCall("call_1", "search", '{"q": "tides"}'), ToolCall("call_2", "now", "{}"))
PIECES = (
    Delta("Let me see."),
    Delta(tool_calls=(ToolCallPiece(0, "call_1", "search", '{"q": "ti'),)),
    Delta(tool_calls=(ToolCallPiece(0, arguments='des"}'), ToolCallPiece(1, "call_2", "now"))),
    Delta(tool_calls=(ToolCallPiece(1, arguments="{}"),), notices=("the tools may be slow",)),
    Delta(finish_reason="tool_calls"),
)


class Caller(ScriptedModel):
    """A model that calls two tools."""

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the pieces of the calls."""
        self.prompts.append(list(messages))
        yield from PIECES


def test_tool_calls_are_kept_with_their_answer(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "chats.db")) as store:
        session = ChatSession(Caller(), store=store)
        turn = session.send("Why tides?")
        node = turn.wait()
        assert node.message == Message("assistant", "Let me see.", tool_calls=CALLS)
        assert node.answer is not None
        assert node.answer.finish_reason == "tool_calls"
        assert turn.notices == ["the tools may be slow"]
        assert store.load(session.history.id).path() == session.history.path()


def test_calls_and_results_are_in_the_next_prompt() -> None:
    model = ScriptedModel("The Moon.")
    session = ChatSession(model)
    session.history.add(Message("user", "Why tides?"))
    session.history.add(Message("assistant", "", tool_calls=CALLS), AnswerDetails(finish_reason="tool_calls"))
    session.history.add(Message("tool", "", tool_call_id="call_1", name="search"))
    session.history.add(Message("tool", "12:00", tool_call_id="call_2", name="now"))
    session.send("Well?").wait()
    assert [message.role for message in model.prompts[-1]] == ["user", "assistant", "tool", "tool", "user"]
    assert model.prompts[-1][1].tool_calls == CALLS


@given(st.lists(st.integers(1, 5), max_size=8))
def test_calls_are_the_same_however_they_are_cut(lengths: list[int]) -> None:
    pieces, arguments = [ToolCallPiece(0, "call_1", "search")], CALLS[0].arguments
    for length in lengths:
        pieces.append(ToolCallPiece(0, arguments=arguments[:length]))
        arguments = arguments[length:]
    assert join_tool_calls([*pieces, ToolCallPiece(0, arguments=arguments)]) == CALLS[:1]
