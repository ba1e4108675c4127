"""Checkpoints of a few thousand weights, for what needs a model but no sense."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content }}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write_checkpoint(
    folder: Path,
    *,
    model_type: str = "qwen2",
    seed: int = 0,
    dtype: "torch.dtype | None" = None,
    template: str | None = TEMPLATE,
    extra: tuple[str, ...] = (),
    any_bytes: bool = False,
    **config: Any,
) -> Path:
    """Write a random model with a vocabulary of all bytes, in float32 by default, and return its folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = make_tokenizer(template, extra)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    heads = {"num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 512}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    settings = {**shape, **heads, **ends, "bos_token_id": None, "tie_word_embeddings": False, **config}
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(model_type, vocab_size=len(tokenizer), initializer_range=0.3, **settings),
        dtype=dtype or torch.float32,
    )
    if not any_bytes:
        _write_ascii_only(model, tokenizer)
    model.save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 2], "max_new_tokens": 16}))
    return folder


def _write_ascii_only(model: Any, tokenizer: "PreTrainedTokenizerFast") -> None:
    """Make all scores zero but those of letters: what it writes is text, and it does not end by itself."""
    import torch

    rows = [id for name, id in tokenizer.get_vocab().items() if len(name) > 1 or ord(name) > 126]
    with torch.no_grad():
        model.lm_head.weight[rows] = 0


def make_tokenizer(template: str | None, extra: tuple[str, ...] = ()) -> "PreTrainedTokenizerFast":
    """Return a tokenizer whose tokens are bytes, the control tokens and `extra` ones."""
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.decoders import ByteLevel as ByteLevelDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import PreTrainedTokenizerFast

    letters = sorted(ByteLevel.alphabet())
    vocabulary = {letter: len(CONTROL) + number for number, letter in enumerate(letters)}
    backend = Tokenizer(BPE(vocab={name: id for id, name in enumerate(CONTROL)} | vocabulary, merges=[]))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = ByteLevelDecoder()
    backend.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in CONTROL])
    backend.add_tokens([AddedToken(name, special=False, normalized=False) for name in extra])
    ends = {"pad_token": CONTROL[0], "eos_token": CONTROL[2]}
    return PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=template, **ends)
