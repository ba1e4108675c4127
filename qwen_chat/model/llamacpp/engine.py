"""A GGUF checkpoint that chats.

The engine is fed token ids only: control tokens are placed by id, text is tokenized with control tokens
switched off, so nothing that a person, a role or a model wrote can become one.
"""

from collections.abc import Generator, Iterable, Sequence
from functools import lru_cache
from math import exp
from pathlib import Path
from threading import Event

from qwen_chat.errors import ContextLengthError, ModelError
from qwen_chat.message import Alternative, Delta, Message, Token
from qwen_chat.model.alternatives import alternatives, up_to
from qwen_chat.model.base import PLAIN, LoadedModel, PromptOptions, TokenizingModel
from qwen_chat.model.chatml import Segment
from qwen_chat.model.formats.gguf import GgufInfo, read_info
from qwen_chat.model.llamacpp.completion import Completion, Pieces
from qwen_chat.model.llamacpp.http import Door, LlamaHttp
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.model.llamacpp.run import likeliest
from qwen_chat.model.llamacpp.sampling import checkpoint_params, request_of
from qwen_chat.model.llamacpp.server import Server, open_server
from qwen_chat.model.llamacpp.shared_context import SharedContext
from qwen_chat.model.llamacpp.template import told
from qwen_chat.model.prompt import PromptFormat, Reading, local_capabilities, read
from qwen_chat.model.token_cache import TokenCache
from qwen_chat.sampling import SamplingParams

_KNOWN_SEGMENTS = 4096


class LlamaCppModel(LoadedModel):
    """A GGUF checkpoint; `parallel` requests are answered at once, each reusing the longest known prefix.

    Raises: ModelLoadError when the file cannot be opened.
    """

    notice = ""

    def __init__(
        self,
        path: Path,
        name: str,
        options: LlamaCppOptions | None = None,
        *,
        info: GgufInfo | None = None,
        default_params: SamplingParams | None = None,
        default_system: str | None = None,
    ) -> None:
        self.name = name
        self.checkpoint = path
        info, options = info or read_info(path), options or LlamaCppOptions()
        self._door = Door()
        self._server: Server | None = open_server(path, info, options, self._door)
        self._http = LlamaHttp(self._server.listening_address, self._door.key)
        self._ids = lru_cache(_KNOWN_SEGMENTS)(self._tokenized)
        self._is_control = lru_cache(_KNOWN_SEGMENTS)(self._named)
        self._written = TokenCache()
        props = self._http.props()
        generation = props["default_generation_settings"]
        self.context_length = int(generation["n_ctx"])
        self._context = SharedContext(self.context_length)
        self.default_params = (default_params or SamplingParams()).over(
            checkpoint_params(generation["params"])
        )
        template = self._render if info.chat_template else None
        self._format = PromptFormat(template, self._split_control, default_system, raw=options.raw)
        self.default_system = self._format.default_system
        self._ignore_end = options.ignore_end
        self._start = self._http.tokenize("", start=True)
        self.capabilities = local_capabilities(info.chat_template, raw=options.raw)
        self._thinks = bool(self.capabilities.thinking)

    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        options: PromptOptions = PLAIN,
        *,
        cancel: Event | None = None,
    ) -> Generator[Delta, None, None]:
        """Yield the answer to the last message, new text only; an assistant's last message is gone on with.

        Raises: ContextLengthError, ModelError.
        """
        asked = read(self._format, messages, options, thinks=self._thinks)
        before = self._before(asked)
        prompt = [*self._start, *self._all_ids(asked.segments), *before]
        if len(prompt) >= self.context_length:
            raise ContextLengthError(len(prompt), self.context_length)
        request = {"prompt": prompt, **request_of(params.over(self.default_params), self.context_length)}
        request["ignore_eos"] = self._ignore_end
        completion = Completion(self._open_server(), request, self._context, self._exact_ids)
        stream = completion.stream(cancel or Event(), asked.splitter)
        return self._written.following(
            stream, asked.before, asked.splitter, lambda: [*before, *self._exact_ids(completion.written)]
        )

    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return exactly the tokens that `stream` would read."""
        asked = read(self._format, messages, options, thinks=self._thinks)
        tokens = [Token(id, piece, control=True) for id, piece in self._pieces(self._start)]
        for segment in asked.segments:
            tokens += [Token(id, piece, segment.control) for id, piece in self._pieces(self._ids(segment))]
        return tokens + [Token(id, piece) for id, piece in self._pieces(self._before(asked))]

    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens `stream` would read; what was counted before costs nothing."""
        asked = read(self._format, messages, PLAIN, thinks=self._thinks)
        return len(self._start) + len(self._all_ids(asked.segments)) + len(self._before(asked))

    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a place of the answer that the messages end with.

        Raises: UsageError, ModelError.
        """
        asked = read(self._format, messages, options, thinks=self._thinks)
        kept = up_to(self._before(asked), position)
        prompt = [*self._start, *self._all_ids(asked.segments), *kept]
        with self._context.enter(len(prompt)) as place:
            for _ in self._context.wait(place, None):
                """Others are answered first."""
            found = likeliest(self._open_server(), prompt, number)
        choices = [
            (Token(id, bytes(choice["bytes"]), self._is_control(id)), exp(choice["logprob"]))
            for choice in found
            for id in [choice["id"]]
        ]
        return alternatives(choices, [Token(*piece) for piece in self._pieces(kept)], asked, self._written)

    def close(self) -> None:
        """Give back memory and threads."""
        self._http.close()
        self._server = None
        self._door.close()

    def _open_server(self) -> Server:
        if self._server is None:
            raise ModelError(f"{self.name} is closed")
        return self._server

    def _render(self, messages: list[dict[str, str]], options: PromptOptions) -> str:
        tools = [tool.as_json() for tool in options.tools]
        return self._http.apply_template(messages, told(options), tools)

    def _tokenized(self, segment: Segment) -> list[int]:
        return self._http.tokenize(segment.text, control=segment.control)

    def _all_ids(self, segments: Sequence[Segment]) -> list[int]:
        return [id for segment in segments for id in self._ids(segment)]

    def _before(self, asked: Reading) -> list[int]:
        """Return the ids of the answer that is gone on with."""
        if asked.before is None:
            return []
        known = self._written.find(asked.before)
        return self._all_ids(asked.begun) if known is None else known

    def _exact_ids(self, written: Pieces) -> list[int]:
        """Return the ids of an answer: of a character in several tokens the engine tells the last alone."""
        last = [tokens[-1] if tokens else 0 for _, tokens in written]
        pieces = dict(self._pieces(last))
        return [
            id
            for (text, tokens), end in zip(written, last, strict=True)
            for id in (tokens if pieces[end] == text.encode() else self._ids(Segment(text)))
        ]

    def _named(self, id: int) -> bool:
        """Whether a token is more than its text: read as text, its name makes other tokens."""
        ((_, piece),) = self._pieces([id])
        plain = self._http.tokenize(piece.decode(errors="replace"))
        return len(plain) > 1 and plain != [id]

    def _pieces(self, ids: list[int]) -> Iterable[tuple[int, bytes]]:
        return zip(ids, self._http.pieces(ids), strict=True) if ids else ()

    def _split_control(self, text: str) -> list[Segment]:
        """Part what a template wrote into control tokens and text."""
        segments = []
        for id, piece in self._pieces(self._http.tokenize(text, control=True)):
            segments.append(Segment(piece.decode(errors="replace"), control=self._is_control(id)))
        # Tokens of text are joined again as the text they came from: a token may hold half a character.
        return _rejoined(text, segments)


def _rejoined(text: str, segments: Sequence[Segment]) -> list[Segment]:
    parts: list[Segment] = []
    for control in (segment for segment in segments if segment.control):
        before, _, text = text.partition(control.text)
        parts += [Segment(before), control] if before else [control]
    return [*parts, Segment(text)] if text else parts


def _conforms(model: LlamaCppModel) -> TokenizingModel:
    return model
