"""Weights and caches made smaller: they take less memory, and say nearly the same."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tiny_hf

from qwen_chat.errors import MissingExtraError, ModelLoadError
from qwen_chat.message import Message, Usage
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.sampling import SamplingParams

if TYPE_CHECKING:
    import torch

    from qwen_chat.model.hf.engine import TransformersModel


CHAT = [Message("user", "Tell me a story.")]
GREEDY = SamplingParams(temperature=0, max_new_tokens=24)
BF16 = "bfloat16"
KINDS = ("torchao-int8", "torchao-int4", "bnb-int8", "bnb-nf4")

# Of torch, which torchao meets at its import.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose layers are wide enough for groups of 32, 64 and 128 weights."""
    import torch

    shape: dict[str, Any] = {"hidden_size": 128, "intermediate_size": 256, "head_dim": 32}
    return tiny_hf.write_checkpoint(tmp_path_factory.mktemp("tiny"), dtype=torch.bfloat16, **shape)


def opened(folder: Path, **options: Any) -> "TransformersModel":
    from qwen_chat.model.hf.engine import TransformersModel

    return TransformersModel(
        read_checkpoint(folder), "tiny", TransformersOptions(**{"dtype": "float32", "threads": 1, **options})
    )


def answer(model: "TransformersModel", chat: Sequence[Message] = CHAT) -> tuple[str, Usage]:
    deltas = list(model.stream(chat, GREEDY))
    assert deltas[-1].usage is not None
    return "".join(delta.text for delta in deltas), deltas[-1].usage


# Weights


def weights(folder: Path, **options: Any) -> Any:
    """Return the model alone."""
    from qwen_chat.model.hf.loading import load_checkpoint

    options = {"dtype": BF16, "threads": 1, "cpu_only": True, **options}
    with ExitStack() as stack:
        return load_checkpoint(read_checkpoint(folder), TransformersOptions(**options), stack).model


def layer_bytes(model: Any) -> int:
    """Return what the matrices of the layers take; tensors of quantization libraries are asked for parts."""
    return sum(stored(weight) for name, weight in model.named_parameters() if "proj" in name)


def stored(weight: "torch.Tensor") -> int:
    import torch

    parts = [getattr(weight, name, None) for name in ("qdata", "scale", "scale_and_zero", "zero_point")]
    found = [part.nbytes for part in parts if isinstance(part, torch.Tensor)]
    return sum(found) or weight.nbytes


@pytest.mark.parametrize(("kind", "share"), list(zip(KINDS, (0.6, 0.4, 0.6, 0.4), strict=True)))
def test_weights_are_smaller_and_score_nearly_the_same(folder: Path, kind: str, share: float) -> None:
    import torch

    plain, small = weights(folder), weights(folder, quantize=kind)
    assert layer_bytes(small) < share * layer_bytes(plain)
    ids = torch.randint(3, 200, (1, 40), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        scores = torch.stack([model(ids).logits.float().flatten() for model in (plain, small)])
    assert torch.corrcoef(scores)[0, 1] > (0.99 if "8" in kind else 0.75)
    assert not torch.equal(scores[0], scores[1])


@pytest.mark.parametrize("kind", KINDS)
def test_small_weights_answer(folder: Path, kind: str) -> None:
    model = opened(folder, quantize=kind, dtype=BF16)
    assert kind in model.notice
    text, usage = answer(model)
    assert usage.completion_tokens == 24
    assert text
    model.close()


def test_packed_weights_are_not_packed_again(folder: Path) -> None:
    from qwen_chat.model.hf.quantization_config import quantization_config

    info = replace(read_checkpoint(folder), quantization="fp8")
    with pytest.raises(
        ModelLoadError, match="--quantize bnb-nf4: leave it out, this checkpoint is fp8 already"
    ):
        quantization_config(info, TransformersOptions(quantize="bnb-nf4"))


@pytest.mark.parametrize(
    ("kind", "extra"),
    [("torchao-int8", "torchao"), ("torchao-int4", "torchao"), ("bnb-int8", "bnb"), ("bnb-nf4", "bnb")],
)
def test_a_library_that_is_not_installed_is_named(
    folder: Path, kind: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qwen_chat.model.hf.quantization_config import quantization_config

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=rf"--quantize {kind} needs an extra: .*\[{extra}\]"):
        quantization_config(read_checkpoint(folder), TransformersOptions(quantize=kind))


@pytest.mark.parametrize("method", ["gptq", "awq"])
def test_a_packed_checkpoint_names_its_extra(
    folder: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qwen_chat.model.hf.quantization_config import quantization_config

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    info = replace(read_checkpoint(folder), quantization=method)
    with pytest.raises(MissingExtraError, match=rf"A {method.upper()} checkpoint needs an extra: .*\[gptq\]"):
        quantization_config(info, TransformersOptions())


def test_groups_fit_the_layers() -> None:
    from qwen_chat.model.hf.quantization_config import choose_group_size

    assert choose_group_size({"hidden_size": 896, "intermediate_size": 4864}) == 128
    assert choose_group_size({"hidden_size": 576, "intermediate_size": 1536}) == 64
    assert choose_group_size({"hidden_size": 576, "intermediate_size": 1536}, 32) == 32
    # First-generation Qwen counts both halves of its MLP.
    assert choose_group_size({"model_type": "qwen", "hidden_size": 4096, "intermediate_size": 22016}) == 128
    assert choose_group_size({"model_type": "qwen", "hidden_size": 128, "intermediate_size": 128}) == 64
    assert choose_group_size({"model_type": "x", "text_config": {"hidden_size": 96}}) == 32


def test_groups_that_do_not_fit_are_refused() -> None:
    from qwen_chat.model.hf.quantization_config import choose_group_size

    with pytest.raises(
        ModelLoadError, match="groups of 128 do not fit layers of 576 and 1536 inputs: take 64"
    ):
        choose_group_size({"hidden_size": 576, "intermediate_size": 1536}, 128)
    with pytest.raises(ModelLoadError, match="groups of 32 or more do not fit layers of 100 inputs"):
        choose_group_size({"hidden_size": 100})


def test_four_bits_compute_in_the_type_they_are_made_for() -> None:
    import torch

    from qwen_chat.model.hf.quantization_config import fastest_dtype

    assert fastest_dtype(TransformersOptions(quantize="torchao-int4")) is torch.bfloat16
    assert fastest_dtype(TransformersOptions(quantize="torchao-int8")) is None


# Caches


@pytest.mark.parametrize(("bits", "width"), [(8, 64), (4, 64), (8, 24), (4, 24)])
def test_numbers_come_back_within_half_a_step(bits: int, width: int) -> None:
    import torch

    from qwen_chat.model.hf.quantized_cache import dequantize, quantize

    states = torch.randn(2, 3, 50, width, generator=torch.Generator().manual_seed(1)) * 5 + 2
    codes, scales, lowest = quantize(states, bits)
    assert codes.nbytes == states.numel() * bits // 8
    back = dequantize((codes, scales, lowest), bits, torch.float32)
    step = scales.float().repeat_interleave(width // scales.shape[-2], dim=-2).flatten(-2)
    rounding = 0.001 * states.abs().max()  # of scales and lowest values, in half precision
    assert ((back - states).abs() <= step / 2 + rounding).all()


def test_equal_numbers_come_back_as_they_are() -> None:
    import torch

    from qwen_chat.model.hf.quantized_cache import dequantize, quantize

    for number in (0.0, -3.5):
        states = torch.full((1, 1, 4, 32), number)
        assert torch.equal(dequantize(quantize(states, 4), 4, torch.float32), states)


def test_a_small_cache_grows_and_is_cut() -> None:
    import torch

    from qwen_chat.model.hf import quantized_cache

    layer = quantized_cache.QuantizedLayer(8)
    states = torch.randn(1, 2, 9, 32, generator=torch.Generator().manual_seed(2))
    first, _ = layer.update(states[:, :, :6], states[:, :, :6])
    assert torch.equal(first, states[:, :, :6])
    keys, values = layer.update(states[:, :, 6:], -states[:, :, 6:])
    assert layer.get_seq_length() == 9
    assert torch.equal(keys[:, :, 6:], states[:, :, 6:])
    assert (keys - states).abs().max() < 0.02
    assert torch.equal(values[:, :, :6], keys[:, :, :6])
    layer.crop(-4)
    assert layer.get_seq_length() == 5
    again, _ = layer.update(states[:, :, 5:6], states[:, :, 5:6])
    assert torch.equal(again[:, :, :5], keys[:, :, :5])
    layer.reset()
    assert layer.get_seq_length() == 0


@pytest.mark.parametrize(("kind", "share"), [("int8", 0.6), ("int4", 0.36), ("fp8", 0.55)])
def test_a_small_cache_takes_less_and_scores_nearly_the_same(folder: Path, kind: str, share: float) -> None:
    import torch
    from transformers import DynamicCache

    from qwen_chat.model.hf.cache_kinds import new_cache

    model = weights(folder, dtype="float32").bfloat16()
    ids = torch.randint(3, 200, (1, 60), generator=torch.Generator().manual_seed(0))
    small, plain = new_cache(model.config, kind, None), DynamicCache(config=model.config)
    scores = []
    with torch.inference_mode():
        for cache in (plain, small):
            model(ids[:, :50], past_key_values=cache)
            scores.append(model(ids[:, 50:], past_key_values=cache).logits.float().flatten())
    assert size(small) < share * size(plain)
    assert torch.corrcoef(torch.stack(scores))[0, 1] > (0.93 if kind == "int4" else 0.98)


def size(cache: Any) -> int:
    import torch

    held = [part for layer in cache.layers for part in vars(layer).values()]
    parts = [part for item in held for part in (item if isinstance(item, tuple) else (item,))]
    return sum(part.nbytes for part in parts if isinstance(part, torch.Tensor))


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_a_small_cache_answers_and_is_gone_on_with(folder: Path, kind: str) -> None:
    model = opened(folder, kv_cache=kind)
    first, _ = answer(model)
    longer = [*CHAT, Message("assistant", first), Message("user", "Go on.")]
    text, usage = answer(model, longer)
    assert usage.cached_tokens > len(model.encode(CHAT))
    assert usage.completion_tokens == 24
    assert text
    model.close()


def test_guessing_ahead_works_on_a_small_cache(folder: Path) -> None:
    repeating = [Message("user", "one two three one two three one two")]
    plain, guessing = opened(folder, kv_cache="int8"), opened(folder, kv_cache="int8", prompt_lookup=4)
    # A guess is checked with exact neighbours where one by one they are rounded: the first words must agree.
    assert answer(plain, repeating)[0][:2] == answer(guessing, repeating)[0][:2]
    plain.close()
    guessing.close()


def test_layers_that_are_small_by_themselves_stay(tmp_path: Path) -> None:
    from transformers import AutoConfig

    from qwen_chat.model.hf.cache_kinds import new_cache

    layers = {"num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"]}
    config = AutoConfig.for_model("qwen3", use_sliding_window=True, sliding_window=8, **layers)
    kinds = [type(layer).__name__ for layer in new_cache(config, "int8", None).layers]
    assert kinds == ["DynamicSlidingWindowLayer", "QuantizedLayer"]
