"""The exact tokens of recent answers, so that continuing an answer does not tokenize it again."""

from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from threading import Lock

from qwen_chat.errors import model_errors
from qwen_chat.message import Delta, Message
from qwen_chat.model.reasoning import ReasoningSplitter

_MAX_ANSWERS = 64

ReadIds = Callable[[], Sequence[int]]


class TokenCache:
    """The token ids of the most recent answers, by their reasoning and text."""

    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[str, str], ReadIds] = OrderedDict()
        self._lock = Lock()

    def store(self, answer: Message, read_ids: ReadIds) -> None:
        """Remember an answer; `read_ids` is called once its ids are needed."""
        key = answer.reasoning, answer.content
        with self._lock:
            self._ids[key] = read_ids
            self._ids.move_to_end(key)
            if len(self._ids) > _MAX_ANSWERS:
                self._ids.popitem(last=False)

    def lookup(self, answer: Message) -> list[int] | None:
        """Return the ids of an answer, or None when this model did not write it recently."""
        with self._lock:
            read_ids = self._ids.get((answer.reasoning, answer.content))
        return None if read_ids is None else list(read_ids())

    def record_stream(
        self,
        stream: Generator[Delta, None, None],
        partial_answer: Message | None,
        splitter: ReasoningSplitter,
        read_ids: ReadIds,
    ) -> Generator[Delta, None, None]:
        """Yield a stream, and store its whole answer before the last delta.

        `partial_answer` is the beginning of the answer that the stream continues.
        """
        begin = partial_answer or Message("assistant", "")
        content, reasoning = [begin.content], [begin.reasoning]
        with model_errors(), closing(stream):
            for delta in stream:
                content.append(delta.text)
                reasoning.append(delta.reasoning)
                # Between reasoning and answer, the text does not tell whether the tag was closed.
                if delta.finish_reason is not None and not splitter.in_gap:
                    self.store(Message("assistant", "".join(content), "".join(reasoning)), read_ids)
                yield delta
