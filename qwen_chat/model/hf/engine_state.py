"""The parts of a loaded checkpoint that all of its answers share."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from tokenizers import Tokenizer
from transformers import PreTrainedModel

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.chatml import IM_END
from qwen_chat.model.formats.checkpoint import CheckpointInfo
from qwen_chat.model.formats.generation_config import end_ids
from qwen_chat.model.hf.cache_kinds import new_cache
from qwen_chat.model.hf.decode import Candidates, Decoder, ScalesPositions
from qwen_chat.model.hf.fair_lock import FairLock
from qwen_chat.model.hf.loading import LoadedCheckpoint, load_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.hf.prefix_cache import PrefixCache
from qwen_chat.model.hf.speculation import draft_model, prompt_lookup
from qwen_chat.model.qwen1.prompt import stop_ids
from qwen_chat.model.qwen1.tokenization import QWenTokenizer

_CPU_CHUNK, _GPU_CHUNK = 128, 2048
"""Prompt tokens that are read between two checks of `cancel`."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """The parts of a loaded model that all answers share; `ends` are the token ids that end an answer."""

    decoder: Decoder
    prefixes: PrefixCache
    lock: FairLock
    tokenizer: Tokenizer
    vocabulary: int
    ends: frozenset[int]
    context_length: int
    alpha: Callable[[int], float]
    candidates: Callable[[], Candidates] | None = None
    kv_cache: str | None = None
    marks: Mapping[int, str] = field(default_factory=dict)
    """The control tokens between which a model reasons; the text of an answer keeps them."""


def build_engine_state(
    loaded: LoadedCheckpoint,
    info: CheckpointInfo,
    options: TransformersOptions,
    context: int,
    candidates: Callable[[], Candidates] | None,
) -> EngineState:
    """Return the shared parts of a loaded checkpoint."""
    model, tokenizer = loaded.model, loaded.tokenizer
    fixed = context if options.compile else None
    reading = _CPU_CHUNK if model.device.type == "cpu" else _GPU_CHUNK
    return EngineState(
        decoder=Decoder(model, reading, compiled=options.compile),
        prefixes=PrefixCache(
            lambda: new_cache(model.config, options.kv_cache, fixed), options.cache_ram << 20
        ),
        lock=FairLock(),
        tokenizer=tokenizer.backend_tokenizer,
        vocabulary=len(tokenizer),
        ends=frozenset() if options.ignore_end else _end_ids(loaded, info),
        context_length=context,
        alpha=_alpha_function(model),
        candidates=candidates,
        kv_cache=options.kv_cache,
    )


def make_candidates(
    loaded: LoadedCheckpoint,
    options: TransformersOptions,
    draft: CheckpointInfo | None,
    stack: ExitStack,
    context: int,
) -> Callable[[], Candidates] | None:
    """Return a factory of candidates for speculative decoding, or None without it.

    Raises: ModelLoadError when the draft model cannot be loaded, or has another vocabulary.
    """
    if draft is None:
        return prompt_lookup(options.prompt_lookup, context) if options.prompt_lookup else None
    small = load_checkpoint(draft, replace(options, quantize=None), stack)
    if small.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
        raise ModelLoadError(
            f"--draft {draft.folder} has another vocabulary: name a smaller model of the same family"
        )
    return draft_model(small.model)


def _end_ids(loaded: LoadedCheckpoint, info: CheckpointInfo) -> frozenset[int]:
    tokenizer = loaded.tokenizer
    known = {token.content: id for id, token in tokenizer.added_tokens_decoder.items()}
    named = info.generation.get("eos_token_id"), info.config.get("eos_token_id"), tokenizer.eos_token_id
    first = stop_ids(tokenizer) if isinstance(tokenizer, QWenTokenizer) else ()
    return end_ids(*named, known.get(IM_END), first)


def _alpha_function(model: PreTrainedModel) -> Callable[[int], float]:
    return model.rope_alpha if isinstance(model, ScalesPositions) else lambda _: 1.0
