"""Renders messages into token ids with a checkpoint's own tokenizer and template.

Control tokens are inserted by id; all other text is encoded with control tokens disabled.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from qwen_chat.errors import ModelLoadError
from qwen_chat.message import Message, Token
from qwen_chat.model import chatml
from qwen_chat.model.base import PLAIN, PromptOptions
from qwen_chat.model.chatml import IM_START, Segment
from qwen_chat.model.hf.text_encoder import TextEncoder
from qwen_chat.model.prompt import PromptFormat, RenderedPrompt
from qwen_chat.model.qwen1.prompt import DEFAULT_SYSTEM, encode_segment
from qwen_chat.model.qwen1.tokenization import QWenTokenizer
from qwen_chat.model.reasoning_marks import marks_of_template, marks_of_vocabulary
from qwen_chat.model.templates.names import alternation
from qwen_chat.model.templates.template import DEFAULT, ChatTemplate, used_text

_MAX_CACHED_SEGMENTS = 4096
_BARRED = re.compile(r"<[|｜].*[|｜]>")
"""A name that nobody types as text."""

_BYTES = {character: byte for byte, character in bytes_to_unicode().items()}


def chat_templates(tokenizer: PreTrainedTokenizerFast) -> dict[str, str]:
    """Return the chat templates of a checkpoint by their names."""
    templates = tokenizer.chat_template
    return templates if isinstance(templates, dict) else {DEFAULT: templates} if templates else {}


class CheckpointPrompt:
    """Renders prompts for one checkpoint; with `raw` the texts go in without a template, for base models.

    Raises: ModelLoadError for a checkpoint without a chat template.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, *, first_generation: bool, raw: bool = False
    ) -> None:
        self._tokenizer = tokenizer
        self._is_first_generation = first_generation and not raw
        self._controls = {token.content: id for id, token in tokenizer.added_tokens_decoder.items()}
        # A line end that a template wrote may be one token with the line end that somebody typed after it.
        self._all_names = alternation(
            token.content
            for token in tokenizer.added_tokens_decoder.values()
            if token.special or not token.content.isspace()
        )
        self._ids = lru_cache(_MAX_CACHED_SEGMENTS)(self._encode_segment)
        templates = chat_templates(tokenizer)
        template = templates.get(DEFAULT) or None
        if template is None and not raw and tokenizer.chat_template:
            names = ", ".join(templates)
            raise ModelLoadError(
                f"{tokenizer.name_or_path} has chat templates, but none is named default: {names}; rename one"
            )
        if template is None and not raw and IM_START not in self._controls:
            raise ModelLoadError(
                f"{tokenizer.name_or_path} has no chat template, it is a base model: use --raw to have it "
                "go on with your text, or name an instruct model"
            )
        self.marks = marks_of_template(template or "") or marks_of_vocabulary(self._controls.__contains__)
        default = DEFAULT_SYSTEM if first_generation else None
        written = None
        if template and not raw:
            written = ChatTemplate(templates, tokenizer.special_tokens_map)
        self._format = PromptFormat(written, self._split_controls, default, raw=raw, marks=self.marks)
        self._start = _start_segments(tokenizer) if raw else []
        self._encoder = TextEncoder(tokenizer, self._guarded_names(used_text(templates)))
        self.default_system = self._format.default_system

    def segments(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Segment]:
        """Return the prompt in segments, as `render` does."""
        return self.render(messages, options).segments

    def render(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> RenderedPrompt:
        """Return the prompt in segments, which are encoded separately.

        Raises: ModelError when the template refuses these messages.
        """
        if not self._is_first_generation or options.tools:
            found = self._format.render(messages, options)
            return RenderedPrompt([*self._start, *found.segments], found.notices) if self._start else found
        # First-generation Qwen writes even an empty system prompt, and encodes every segment separately.
        given = messages and messages[0].role == "system"
        messages = messages if given else [Message("system", DEFAULT_SYSTEM), *messages]
        return RenderedPrompt(chatml.segments(messages))

    def render_answer(self, answer: Message, *, reasoning_open: bool) -> list[Segment]:
        """Return what a model writes to give an answer; `reasoning_open` if the prompt opens the tag."""
        return self._format.render_answer(answer, reasoning_open=reasoning_open)

    def mark_tokens(self) -> dict[int, str]:
        """Return the control tokens between which the model reasons, by their ids."""
        names = self.marks.tokens if self.marks else ()
        special = {id for id, token in self._tokenizer.added_tokens_decoder.items() if token.special}
        return {id: name for name in names if (id := self._controls.get(name)) in special and id is not None}

    def ids(self, segments: Sequence[Segment]) -> list[int]:
        """Return the token ids of a prompt; recent segments come from a cache."""
        return [id for _, ids in self._encode(segments) for id in ids]

    def tokens(self, segments: Sequence[Segment]) -> list[Token]:
        """Return the tokens of a prompt, with their bytes."""
        return [
            Token(id, self._token_bytes(id), segment.control)
            for segment, ids in self._encode(segments)
            for id in ids
        ]

    def _encode(self, segments: Sequence[Segment]) -> Iterator[tuple[Segment, tuple[int, ...]]]:
        """Yield each segment with its ids, which depend on the control tokens beside it."""
        names = ["", *(segment.text if segment.control else "" for segment in segments), ""]
        for number, segment in enumerate(segments):
            yield segment, self._ids(segment, names[number], names[number + 2])

    def _encode_segment(self, segment: Segment, before: str, after: str) -> tuple[int, ...]:
        if segment.control:
            return (self._controls[segment.text],)
        if isinstance(self._tokenizer, QWenTokenizer):
            return tuple(encode_segment(self._tokenizer, segment))
        return self._encoder.encode(segment.text, before, after)

    def _guarded_names(self, templates: str) -> set[str]:
        """Return the names of tokens that only a template may write: special ones, and those that it writes.

        Other added tokens, such as runs of spaces or `<table>`, are text in both.
        """
        added = self._tokenizer.added_tokens_decoder.values()
        special = {each.content for each in added if each.special or _BARRED.fullmatch(each.content)}
        written = {segment.text for segment in self._format.small_prompt() if segment.control}
        written |= {name for name in self._controls if name in templates}
        return special | {name for name in written if not name.isspace()}

    def _token_bytes(self, id: int) -> bytes:
        piece = str(self._tokenizer.convert_ids_to_tokens(id))
        if id in self._tokenizer.added_tokens_decoder:
            return piece.encode()
        if all(character in _BYTES for character in piece):
            return bytes(_BYTES[character] for character in piece)
        return str(self._tokenizer.decode([id])).encode()

    def token(self, id: int) -> Token:
        """Return the token of an id, with its bytes."""
        return Token(id, self._token_bytes(id), control=id in self._tokenizer.added_tokens_decoder)

    def _split_controls(self, text: str) -> list[Segment]:
        """Split a template's output into control tokens and text."""
        pieces = self._all_names.split(text)
        # A pattern with one group splits into text and name by turns.
        return [Segment(piece, control=number % 2 == 1) for number, piece in enumerate(pieces) if piece]


def _start_segments(tokenizer: PreTrainedTokenizerFast) -> list[Segment]:
    """Return the control tokens that a tokenizer puts before every text, as a template does before a chat."""
    plain = tokenizer("a", add_special_tokens=False).input_ids
    whole = tokenizer("a").input_ids
    count = next(
        (start for start in range(len(whole)) if whole[start : start + len(plain)] == plain),
        0,
    )
    return [Segment(str(name), control=True) for name in tokenizer.convert_ids_to_tokens(whole[:count])]
