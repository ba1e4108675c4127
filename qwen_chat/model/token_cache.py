"""What a model wrote lately, in its own tokens: gone on with, an answer is not tokenized anew."""

from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from threading import Lock

from qwen_chat.message import Delta, Message
from qwen_chat.model.reasoning import ReasoningSplitter

_KEPT = 64

Ids = Callable[[], Sequence[int]]


class TokenCache:
    """The ids of the latest answers, by their reasoning and text."""

    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[str, str], Ids] = OrderedDict()
        self._lock = Lock()

    def keep(self, answer: Message, ids: Ids) -> None:
        """Remember the ids of an answer; they are asked for when they are needed."""
        key = answer.reasoning, answer.content
        with self._lock:
            self._ids[key] = ids
            self._ids.move_to_end(key)
            if len(self._ids) > _KEPT:
                self._ids.popitem(last=False)

    def find(self, answer: Message) -> list[int] | None:
        """Return the ids of an answer, or None when it was not written lately."""
        with self._lock:
            ids = self._ids.get((answer.reasoning, answer.content))
        return None if ids is None else list(ids())

    def following(
        self,
        stream: Generator[Delta, None, None],
        before: Message | None,
        splitter: ReasoningSplitter,
        ids: Ids,
    ) -> Generator[Delta, None, None]:
        """Yield a stream, and remember its answer before the last delta; `before` is what it goes on from."""
        content, reasoning = ([before.content], [before.reasoning]) if before else ([], [])
        with closing(stream):
            for delta in stream:
                content.append(delta.text)
                reasoning.append(delta.reasoning)
                # Between reasoning and answer, the text does not tell whether the tag was closed.
                if delta.finish_reason is not None and not splitter.between:
                    self.keep(Message("assistant", "".join(content), "".join(reasoning)), ids)
                yield delta
