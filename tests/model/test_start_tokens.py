"""The tokens that a checkpoint puts before every text, and never one after it; base models are told apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gguf
import pytest
import tiny_hf
from babbler import write_babbler

from qwen_chat.errors import ModelLoadError
from qwen_chat.message import Message, Token
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions

ASKED = [Message("user", "Hi")]
BASE = ("</s>", "<s>", "<unk>")


@contextmanager
def opened(path: Path, *, raw: bool = False) -> Iterator[LlamaCppModel]:
    model = LlamaCppModel(path, "model", LlamaCppOptions(threads=1, parallel=1, raw=raw))
    try:
        yield model
    finally:
        model.close()


@pytest.mark.parametrize(("bos", "eos"), [(True, True), (False, True), (True, False), (False, False)])
@pytest.mark.parametrize("raw", [True, False])
def test_a_gguf_prompt_begins_with_bos_and_has_no_eos(
    tmp_path: Path, bos: bool, eos: bool, raw: bool
) -> None:
    def change(writer: gguf.GGUFWriter) -> None:
        writer.add_add_bos_token(bos)
        writer.add_add_eos_token(eos)

    with opened(write_babbler(tmp_path / "a.gguf", change=change), raw=raw) as model:
        tokens = model.encode(ASKED)
    ids = [token.id for token in tokens]
    text = b"".join(token.bytes for token in tokens).decode()
    if raw:
        assert text == ("<|im_start|>" if bos else "") + "Hi"
        assert ids.count(2) == 0
    else:
        assert text.count("<|im_end|>") == ids.count(2) == 1
        assert text.endswith("Hi<|im_end|>\n<|im_start|>assistant\n")


def test_a_base_gguf_is_refused_but_for_raw(tmp_path: Path) -> None:
    path = write_babbler(tmp_path / "base.gguf", template="", control=BASE)
    with pytest.raises(ModelLoadError, match="it is a base model: use --raw") as caught:
        LlamaCppModel(path, "base", LlamaCppOptions(threads=1, parallel=1))
    assert str(path) in str(caught.value)
    with opened(path, raw=True) as model:
        assert b"".join(token.bytes for token in model.encode(ASKED)).endswith(b"Hi")


def test_a_gguf_without_a_template_that_knows_chatml_is_asked_in_it(tmp_path: Path) -> None:
    with opened(write_babbler(tmp_path / "a.gguf", template="")) as model:
        text = b"".join(token.bytes for token in model.encode(ASKED)).decode()
    assert text.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize("ends", ["$A", "<|im_start|> $A", "<|im_start|> $A <|im_end|>", "$A <|im_end|>"])
def test_raw_text_on_torch_begins_as_the_tokenizer_begins(tmp_path: Path, ends: str) -> None:
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    from qwen_chat.model.hf.engine import TransformersModel

    folder = tiny_hf.write_checkpoint(tmp_path / "a")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    special = [(name, tokenizer.convert_tokens_to_ids(name)) for name in tiny_hf.CONTROL]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=ends, special_tokens=special)
    tokenizer.save_pretrained(folder)
    options = TransformersOptions(dtype="float32", threads=1, cpu_only=True, raw=True)
    model = TransformersModel(read_checkpoint(folder), "a", options)
    first: list[Token] = model.encode(ASKED)
    later = model.encode([*ASKED, Message("assistant", "Yo"), Message("user", "so")])
    model.close()
    start = "<|im_start|>" if ends.startswith("<") else ""
    assert b"".join(token.bytes for token in first).decode() == f"{start}Hi"
    assert b"".join(token.bytes for token in later).decode() == f"{start}HiYoso"
    assert [token.control for token in first] == [*[True] * bool(start), False, False]
