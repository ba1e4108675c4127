"""Any rank file becomes a tokenizer that gives tiktoken's ids, or one line that names its fault."""

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
import tiktoken
from qwen1_vocabulary import RANKS, load_ranks, random_ranks, rank_file, reference, write_ranks

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.qwen1.merges import derive_merges


@pytest.fixture
def small_ranks() -> dict[bytes, int]:
    return random_ranks(random.Random(1), 300)


def small_texts() -> list[str]:
    rng = random.Random(7)
    return ["".join(rng.choices("abcé ", (5, 5, 5, 3, 1), k=rng.randint(1, 40))) for _ in range(300)]


@pytest.mark.parametrize("seed", range(12))
def test_any_rank_file_gives_the_ids_of_tiktoken(tmp_path: Path, seed: int) -> None:
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    ranks = random_ranks(random.Random(seed), 300)
    file = write_ranks(tmp_path / "qwen.tiktoken", ranks)
    tokenizer, encoding = QWenTokenizer(vocab_file=str(file)), reference(ranks, 300)
    assert tokenizer.convert_tokens_to_ids("<|im_start|>") == 301
    for text in small_texts():
        assert tokenizer.encode(text) == encoding.encode(text)


def test_a_token_that_merging_cannot_make_stands_only_for_itself(tmp_path: Path) -> None:
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    ranks = {bytes([byte]): byte for byte in range(256)} | {b"abc": 256}
    assert list(derive_merges(ranks)) == []
    tokenizer = QWenTokenizer(vocab_file=str(write_ranks(tmp_path / "qwen.tiktoken", ranks)))
    encoding = reference(ranks, 257)
    assert tokenizer.encode("abc") == encoding.encode("abc") == [256]
    assert tokenizer.encode("abca") == encoding.encode("abca") == list(b"abca")


def test_a_further_file_adds_tokens_behind_the_control_tokens(tmp_path: Path) -> None:
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    words = ("我是一只猫", "你是一只猫", "他是一只猫")
    known = load_ranks(rank_file())
    extra = {b: 151851 + i for i, b in enumerate(steps(reference(known, RANKS), words, known))}
    file = write_ranks(tmp_path / "qwen_extra.tiktoken", extra)
    tokenizer = QWenTokenizer(vocab_file=str(rank_file()), extra_vocab_file=str(file))
    encoding = reference(known | extra, RANKS)
    for text in (*words, "你看，我是一只猫猫，不是狗", "I'm a cat: 我是一只", "<|extra_0|>是一只猫"):
        assert tokenizer.encode(text) == encoding.encode(text, disallowed_special=())
    assert [tokenizer.encode(word) for word in words] == [[extra[word.encode()]] for word in words]
    tokenizer.save_pretrained(tmp_path / "saved")
    again = QWenTokenizer.from_pretrained(tmp_path / "saved")
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again.encode(words[0]) == tokenizer.encode(words[0])


def steps(encoding: tiktoken.Encoding, words: tuple[str, ...], known: Mapping[bytes, int]) -> list[bytes]:
    """Return the tokens on the way to each word, left to right."""
    found: dict[bytes, None] = {}
    for word in words:
        whole = b""
        for piece in encoding.decode_tokens_bytes(encoding.encode(word)):
            whole += piece
            if whole not in known:
                found[whole] = None
    return list(found)


def test_a_further_file_may_be_named_by_the_checkpoint(tmp_path: Path, small_ranks: dict[bytes, int]) -> None:
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    write_ranks(tmp_path / "qwen.tiktoken", small_ranks)
    write_ranks(tmp_path / "more.tiktoken", {b"xy": 508, b"xyz": 600})
    config = {"tokenizer_class": "QWenTokenizer", "extra_vocab_file": "more.tiktoken"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = QWenTokenizer.from_pretrained(tmp_path)
    assert tokenizer.encode("xyz") == [600]
    assert tokenizer.encode("zxy") == [small_ranks[b"z"], 508]
    assert tokenizer.convert_tokens_to_ids("<|extra_204|>") == 507


def test_a_further_file_changes_nothing_that_is_there(tmp_path: Path, small_ranks: dict[bytes, int]) -> None:
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    file = write_ranks(tmp_path / "qwen.tiktoken", small_ranks)
    extra = write_ranks(tmp_path / "more.tiktoken", {b"a": 508, b"xy": 301, b"zz": 0, b"yz": 509, b"zy": 509})
    tokenizer = QWenTokenizer(vocab_file=str(file), extra_vocab_file=str(extra))
    plain = QWenTokenizer(vocab_file=str(file))
    assert set(tokenizer.get_vocab().items()) - set(plain.get_vocab().items()) == {("yz", 509)}
    assert set(plain.get_vocab().items()) <= set(tokenizer.get_vocab().items())


@pytest.mark.parametrize(
    ("line", "damaged", "fault"),
    [
        (7, "version https://git-lfs.github.com/spec/v1", "line 7 is not a token in base64 and its rank"),
        (7, "!!!! 6", "line 7 is not a token in base64 and its rank"),
        (290, "YWJjYWJj", "line 290 is not a token in base64 and its rank"),
        (290, "YWJjYWJj 2", "line 290 has rank 2, not 289"),
        (290, "YQ== 289", "line 290 has the token of rank"),
        (290, "YWJjYWJj 9999999999", "line 290 is not a token in base64 and its rank"),
    ],
)
def test_a_damaged_rank_file_is_named_with_its_line(
    tmp_path: Path, small_ranks: dict[bytes, int], line: int, damaged: str, fault: str
) -> None:
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    file = write_ranks(tmp_path / "qwen.tiktoken", small_ranks)
    lines = file.read_text().splitlines()
    lines[line - 1] = damaged
    file.write_text("\n".join(lines))
    with pytest.raises(ModelLoadError) as error:
        QWenTokenizer.from_pretrained(tmp_path)
    assert str(error.value).startswith(f"{file} is damaged: {fault}")
    assert str(error.value).endswith("; fetch that file again from the model's page")
    assert "\n" not in str(error.value)


def test_a_rank_file_that_ends_early_is_refused(tmp_path: Path, small_ranks: dict[bytes, int]) -> None:
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    file = write_ranks(tmp_path / "qwen.tiktoken", dict(list(small_ranks.items())[:200]))
    with pytest.raises(ModelLoadError, match=r"is damaged: no line has the byte 0x"):
        QWenTokenizer.from_pretrained(tmp_path)
    file.write_text("")
    with pytest.raises(ModelLoadError, match=r"is damaged: no line has the byte 0x00;"):
        QWenTokenizer.from_pretrained(tmp_path)


def test_a_further_file_that_is_missing_or_damaged_is_named(
    tmp_path: Path, small_ranks: dict[bytes, int]
) -> None:
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    write_ranks(tmp_path / "qwen.tiktoken", small_ranks)
    with pytest.raises(ModelLoadError, match=r"^cannot read more\.tiktoken: No such file"):
        QWenTokenizer.from_pretrained(tmp_path, extra_vocab_file="more.tiktoken")
    (tmp_path / "more.tiktoken").write_text("eHk= 508\n???\n")
    with pytest.raises(ModelLoadError, match=r"more\.tiktoken is damaged: line 2 "):
        QWenTokenizer.from_pretrained(tmp_path, extra_vocab_file="more.tiktoken")
