"""GGUF checkpoints on llama.cpp, in this process, through xllamacpp.

The engine is fed token ids only: control tokens are placed by id, text is tokenized with control tokens
switched off, so nothing that a person, a role or a model wrote can become one.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp
from pathlib import Path
from threading import Event
from typing import Any

from qwen_chat.chatml import Segment
from qwen_chat.errors import ContextLengthError, ModelError, ModelLoadError
from qwen_chat.message import Alternative, Delta, Message, Token
from qwen_chat.model.alternatives import alternatives, up_to
from qwen_chat.model.base import PLAIN, PromptOptions, TokenizingModel
from qwen_chat.model.completion import Completion, Server, likeliest
from qwen_chat.model.gguf import GgufInfo, parts, read_info
from qwen_chat.model.llama_http import Door, LlamaHttp
from qwen_chat.model.prompt import PromptFormat, Reading, read, switches
from qwen_chat.model.reasoning import OPEN
from qwen_chat.model.written import Written
from qwen_chat.sampling import SamplingParams

DEFAULT_CONTEXT = 8192
"""Tokens of context where none are asked for; more costs memory whether it is used or not."""

MIN_CONTEXT = 64
"""With a single token of context, llama.cpp ends the process."""

_CPU_BATCH = 128
"""Prompt tokens read between two looks at `cancel`; on a CPU larger batches are hardly faster."""

_KNOWN_SEGMENTS = 4096

_LARGE_BYTES = 1 << 29
"""Files above this size are brought into memory before the engine opens them."""

_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repeat_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Our names -> llama.cpp's, where both mean the same."""


@dataclass(frozen=True, slots=True)
class LlamaCppOptions:
    """How a GGUF file is opened.

    `ctx_size` 0 is the model's full context, None a moderate one; `cache_ram` is in MiB; `ignore_end` writes
    on past end tokens.
    """

    ctx_size: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    cpu_only: bool = False
    kv_cache: str | None = None
    cache_ram: int = 512
    raw: bool = False
    ignore_end: bool = False
    lora: tuple[str, ...] = ()
    parallel: int = 4


class LlamaCppModel:
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
        info, options = info or read_info(path), options or LlamaCppOptions()
        self._door = Door()
        self._server: Server | None = _open(path, info, options, self._door)
        self._http = LlamaHttp(self._server.listening_address, self._door.key)
        self._ids = lru_cache(_KNOWN_SEGMENTS)(self._tokenized)
        self._is_control = lru_cache(_KNOWN_SEGMENTS)(self._named)
        self._written = Written()
        props = self._http.props()
        generation = props["default_generation_settings"]
        self.context_length = int(generation["n_ctx"])
        self.default_params = (default_params or SamplingParams()).over(
            _checkpoint_params(generation["params"])
        )
        template = self._render if info.chat_template else None
        self._format = PromptFormat(template, self._split_control, default_system, raw=options.raw)
        self.default_system = self._format.default_system
        self._ignore_end = options.ignore_end
        self._start = self._http.tokenize("", start=True)
        self.thinks = OPEN in (info.chat_template or "")

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
        asked = read(self._format, messages, options, thinks=self.thinks)
        before = self._before(asked)
        prompt = [*self._start, *self._all_ids(asked.segments), *before]
        if len(prompt) >= self.context_length:
            raise ContextLengthError(len(prompt), self.context_length)
        request = {"prompt": prompt, **_request(params.over(self.default_params), self.context_length)}
        request["ignore_eos"] = self._ignore_end
        completion = Completion(self._open_server(), request, self.context_length, self._http.tokenize)
        stream = completion.stream(cancel or Event(), asked.splitter)
        return self._written.following(
            stream, asked.before, asked.splitter, lambda: [*before, *self._exact_ids(completion.written)]
        )

    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return exactly the tokens that `stream` would read."""
        asked = read(self._format, messages, options, thinks=self.thinks)
        tokens = [Token(id, piece, control=True) for id, piece in self._pieces(self._start)]
        for segment in asked.segments:
            tokens += [Token(id, piece, segment.control) for id, piece in self._pieces(self._ids(segment))]
        return tokens + [Token(id, piece) for id, piece in self._pieces(self._before(asked))]

    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens `stream` would read; what was counted before costs nothing."""
        asked = read(self._format, messages, PLAIN, thinks=self.thinks)
        return len(self._start) + len(self._all_ids(asked.segments)) + len(self._before(asked))

    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a place of the answer that the messages end with.

        Raises: UsageError, ModelError.
        """
        asked = read(self._format, messages, options, thinks=self.thinks)
        kept = up_to(self._before(asked), position)
        prompt = [*self._start, *self._all_ids(asked.segments), *kept]
        choices = [
            (Token(id, bytes(choice["bytes"]), self._is_control(id)), exp(choice["logprob"]))
            for choice in likeliest(self._open_server(), prompt, number)
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
        return self._http.apply_template(messages, switches(options), tools)

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

    def _exact_ids(self, written: Sequence[tuple[str, list[int]]]) -> list[int]:
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


def _open(path: Path, info: GgufInfo, options: LlamaCppOptions, door: Door) -> Server:
    if info.file_bytes > _LARGE_BYTES:
        _read_ahead(path)
    try:
        return _server(path, info, options, door)
    except ModelLoadError:
        door.close()
        raise
    except RuntimeError as error:
        door.close()
        raise ModelLoadError(
            f"llama.cpp cannot open {path} ({info.architecture}): {error} "
            "Too little memory, or a model newer than this llama.cpp: try --ctx-size 2048, "
            "or pip install --upgrade xllamacpp"
        ) from None


def _read_ahead(path: Path) -> None:
    """Bring the files into memory: llama.cpp holds Python's lock while it waits for a disk, files do not."""
    for part in parts(path):
        with part.open("rb", buffering=0) as file:
            while file.read(1 << 24):
                pass


def _server(path: Path, info: GgufInfo, options: LlamaCppOptions, door: Door) -> Server:
    import xllamacpp

    has_gpu = not options.cpu_only and any(
        device["type"] != xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
        for device in xllamacpp.get_device_info()
    )
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = _context(info, options)
    params.n_parallel = options.parallel
    params.kv_unified = True
    params.cpuparams.n_threads = options.threads or -1
    params.n_gpu_layers = 0 if options.cpu_only else -1 if options.gpu_layers is None else options.gpu_layers
    # Fitting to the memory of a GPU opens the model twice.
    params.fit_params = has_gpu and options.gpu_layers is None
    params.no_kv_offload = options.cpu_only
    params.n_batch = params.n_batch if has_gpu else _CPU_BATCH
    params.cache_type_k = params.cache_type_v = _kv_type(xllamacpp, options.kv_cache or "f16")
    params.cache_ram_mib = options.cache_ram
    params.lora_adapters = [_lora(xllamacpp, text) for text in options.lora]
    params.warmup = False
    params.ui = False
    params.n_threads_http = 2
    params.hostnames = [door.host]
    params.api_keys = [door.key]
    params.verbosity = -1
    server: Server = xllamacpp.Server(params)
    return server


def _context(info: GgufInfo, options: LlamaCppOptions) -> int:
    trained = info.context_length or DEFAULT_CONTEXT
    if options.ctx_size is None:
        return min(trained, DEFAULT_CONTEXT)
    if 0 < options.ctx_size < MIN_CONTEXT:
        raise ModelLoadError(
            f"--ctx-size {options.ctx_size}: use {MIN_CONTEXT} or more, or 0 for all there is"
        )
    if options.ctx_size > trained:
        raise ModelLoadError(
            f"--ctx-size {options.ctx_size}: this model was made for {trained}, use that or less"
        )
    return options.ctx_size


def _kv_type(xllamacpp: Any, name: str) -> Any:  # noqa: ANN401
    return getattr(xllamacpp.ggml_type, f"GGML_TYPE_{name.upper()}")


def _lora(xllamacpp: Any, text: str) -> Any:  # noqa: ANN401
    path, scale = _lora_path(text)
    if not path.is_file():
        raise ModelLoadError(f"--lora {text}: no such file")
    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path, adapter.scale = str(path), scale
    return adapter


def _lora_path(text: str) -> tuple[Path, float]:
    """Read PATH or PATH:SCALE."""
    path, colon, scale = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text), 1.0
    try:
        return Path(path), float(scale)
    except ValueError:
        return Path(text), 1.0


def _checkpoint_params(served: Mapping[str, Any]) -> SamplingParams:
    """Return the sampling that llama.cpp took from the checkpoint, or its own defaults."""
    values = {ours: round(served[theirs], 6) for ours, theirs in _PARAMETERS.items()}
    return SamplingParams.from_mapping(values)


def _request(params: SamplingParams, context_length: int) -> dict[str, Any]:
    """Return llama.cpp's names and values of sampling parameters."""
    request = {
        theirs: value for ours, theirs in _PARAMETERS.items() if (value := getattr(params, ours)) is not None
    }
    if params.repetition_penalty not in (None, 1.0):
        # Like Qwen's own code, penalize repeating anything in the context, not the last 64 tokens alone.
        request["repeat_last_n"] = context_length
    request["n_predict"] = params.max_new_tokens or -1
    request["stop"] = list(params.stop or ())
    if params.seed is not None:
        request["seed"] = params.seed
    return request


def _conforms(model: LlamaCppModel) -> TokenizingModel:
    return model
