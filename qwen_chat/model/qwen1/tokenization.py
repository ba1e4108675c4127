"""The tokenizer of first-generation Qwen, as a fast tokenizer of transformers."""

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from transformers.convert_slow_tokenizer import bytes_to_unicode
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX
from transformers.tokenization_utils_tokenizers import TokenizersBackend

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.chatml import IM_END, IM_START
from qwen_chat.model.qwen1.merges import add_ranks, derive_merges, read_ranks

RANK_FILE = "qwen.tiktoken"
END_OF_TEXT = "<|endoftext|>"

CONTROL_TOKENS = (END_OF_TEXT, IM_START, IM_END, *(f"<|extra_{i}|>" for i in range(205)))
"""Their ids follow the last rank, from 151643 on."""


class QWenTokenizer(TokenizersBackend):
    """The checkpoint's own tokenizer, built from `qwen.tiktoken`, or from a saved `tokenizer.json`.

    The names of control tokens in a text stay text, unless `split_special_tokens=False` is given.
    `extra_vocab_file` names a file of extra ranks, in the checkpoint's folder or elsewhere.
    Raises: ModelLoadError when a file is missing or damaged.
    """

    vocab_files_names = {"vocab_file": RANK_FILE, "tokenizer_file": "tokenizer.json"}  # noqa: RUF012
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab_file: str | None = None,
        tokenizer_file: str | None = None,
        extra_vocab_file: str | None = None,
        *,
        split_special_tokens: bool = True,
        eos_token: str | None = END_OF_TEXT,
        pad_token: str | None = END_OF_TEXT,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        # The checkpoint's own code is not needed, and must not be saved again.
        kwargs.pop("auto_map", None)
        if tokenizer_file is not None and extra_vocab_file is None:
            self._tokenizer = _load_tokenizer(tokenizer_file)
        else:
            rank_file = _rank_file(vocab_file, kwargs.get("name_or_path"))
            self._tokenizer = _build_tokenizer(rank_file, extra_vocab_file)
        super().__init__(  # type: ignore[no-untyped-call]
            split_special_tokens=split_special_tokens, eos_token=eos_token, pad_token=pad_token, **kwargs
        )

    @classmethod
    def convert_to_native_format(
        cls,
        trust_remote_code: bool = False,  # noqa: ARG003
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Return the arguments unchanged: transformers' own conversions are wrong for these ranks."""
        return kwargs


def _rank_file(path: str | None, folder: str | None) -> Path:
    if path is not None and Path(path).is_file():
        return Path(path)
    missing = path or (f"{RANK_FILE} in {folder}" if folder else RANK_FILE)
    raise ModelLoadError(f"there is no {missing}: fetch that file from the model's page into the folder")


def _load_tokenizer(path: str) -> Tokenizer:
    try:
        return Tokenizer.from_file(path)
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        mend = f"remove it where {RANK_FILE} lies beside, or fetch it again from the model's page"
        raise ModelLoadError(f"{path} is damaged ({error}): {mend}") from None


def _build_tokenizer(rank_file: Path, extra_file: str | None) -> Tokenizer:
    ranks = read_ranks(rank_file)
    control = {token: id for id, token in enumerate(CONTROL_TOKENS, start=len(ranks))}
    if extra_file is not None:
        ranks = add_ranks(ranks, _resolve_extra_file(rank_file, extra_file), control.values())
    alphabet: dict[int, str] = bytes_to_unicode()
    names = {token: token.decode("latin-1").translate(alphabet) for token in ranks}
    model = BPE(
        vocab={names[token]: rank for token, rank in ranks.items()} | control,
        merges=[(names[left], names[right]) for left, right in derive_merges(ranks)],
        ignore_merges=True,
    )
    return _pipeline(model)


def _resolve_extra_file(rank_file: Path, name: str) -> Path:
    """Return the file of that name in the checkpoint's folder, or else the name as a path."""
    return beside if (beside := rank_file.parent / name).is_file() else Path(name)


def _pipeline(model: BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in CONTROL_TOKENS])
    return tokenizer
