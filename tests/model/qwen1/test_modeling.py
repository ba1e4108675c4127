"""The model gives the logits of the original, and those of an independent account of its formulae."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from reference import Array, Reference
from safetensors.numpy import load_file
from tiny_qwen1 import FOLDER, SEQ_LENGTH, Model, expected, load, prompt

if TYPE_CHECKING:
    import torch


LENGTHS = (8, 16, 17, 33, 51)
PREFILLS = (5, 20)
TOLERANCE = {"sdpa": 1e-5, "eager": 1e-4}
NOISE = 2e-4
"""What fp32 may differ from fp64 by, in logits of a deviation of 2."""
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"use_logn_attn": False},
    {"use_dynamic_ntk": False},
    {"use_logn_attn": False, "use_dynamic_ntk": False},
    {"rotary_pct": 0.5},
    {"rotary_emb_base": 1e6, "layer_norm_epsilon": 1e-5},
)


@pytest.fixture(scope="module", params=TOLERANCE)
def model(request: pytest.FixtureRequest) -> Model:
    return load(attn_implementation=request.param)


def tolerance(model: Model) -> float:
    return TOLERANCE[str(model.config._attn_implementation)]


def distance(logits: "torch.Tensor", wanted: "torch.Tensor | Array") -> float:
    """Return the greatest difference, of shapes that must be the same."""
    ours, theirs = logits.detach().double().numpy(), np.asarray(wanted, dtype=np.float64)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max())


def stepwise(model: Model, ids: "torch.Tensor", prefill: int) -> "torch.Tensor":
    """Return the logits [steps, vocabulary] of all ids after a prefill, each read alone."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(ids[:, :prefill], past_key_values=cache)
        steps = [
            model(ids[:, [i]], past_key_values=cache).logits[0, -1] for i in range(prefill, ids.shape[1])
        ]
    return torch.stack(steps)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_prompt_gives_the_original_logits(model: Model, length: int) -> None:
    import torch

    with torch.no_grad():
        logits = model(expected()["ids"][:, :length]).logits[0, -3:]
    assert distance(logits, expected()[f"full{length}"]) <= tolerance(model)


@pytest.mark.parametrize("prefill", PREFILLS)
def test_cached_steps_give_the_original_logits(model: Model, prefill: int) -> None:
    """Both answers cross a length at which a longer prompt would be stretched more."""
    assert distance(
        stepwise(model, expected()["ids"], prefill)[::6], expected()[f"step{prefill}"]
    ) <= tolerance(model)


def test_every_stored_logit_is_looked_at() -> None:
    read = {f"full{length}" for length in LENGTHS} | {f"step{prefill}" for prefill in PREFILLS}
    assert read | {"ids"} == expected().keys()


def test_the_reference_gives_the_original_logits() -> None:
    reference, ids = Reference(FOLDER), expected()["ids"][0].tolist()
    for length in LENGTHS:
        wanted = expected()[f"full{length}"].numpy()
        np.testing.assert_allclose(reference.logits(ids[:length])[-3:], wanted, rtol=0, atol=1e-5)
    for prefill in PREFILLS:
        steps = reference.logits(ids, prompt=prefill)[prefill::6]
        # The original computed in fp32, where angles of many radians are less sharp.
        np.testing.assert_allclose(steps, expected()[f"step{prefill}"].numpy(), rtol=0, atol=3e-5)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_other_configurations_agree_with_the_reference(variant: dict[str, Any]) -> None:
    import torch

    model, reference = load(**variant), Reference(FOLDER, **variant)
    ids = prompt(70)
    for length in (SEQ_LENGTH - 4, SEQ_LENGTH, SEQ_LENGTH + 1, 70):
        with torch.no_grad():
            logits = model(ids[:, :length]).logits[0]
        assert distance(logits, reference.logits(ids[0, :length].tolist())) < NOISE
    steps = reference.logits(ids[0].tolist(), prompt=10)[10:]
    assert distance(stepwise(model, ids, 10), steps) < NOISE


def test_the_configurations_differ_beyond_the_trained_length() -> None:
    ids = prompt(70)[0].tolist()
    last = [Reference(FOLDER, **variant).logits(ids)[-1] for variant in VARIANTS]
    gaps = [np.abs(one - other).max() for i, one in enumerate(last) for other in last[:i]]
    assert min(gaps) > 0.01


def test_biases_agree_with_the_reference(tmp_path: Path) -> None:
    import torch

    from qwen_chat.model.qwen1.configuration import QWenConfig
    from qwen_chat.model.qwen1.modeling import QWenLMHeadModel

    sizes: dict[str, Any] = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 80,
        "num_hidden_layers": 2,
    }
    heads: dict[str, Any] = {
        "num_attention_heads": 2,
        "kv_channels": 16,
        "seq_length": 16,
        "initializer_range": 0.2,
    }
    torch.manual_seed(1)
    model: Model = QWenLMHeadModel(QWenConfig(**sizes, **heads, no_bias=False))
    for name, weights in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weights, std=0.5)
    model.eval().save_pretrained(tmp_path)
    names = load_file(tmp_path / "model.safetensors").keys()
    assert sum(name.endswith(".bias") for name in names) == 2 * 5
    ids = prompt(40) % 64
    with torch.no_grad():
        assert distance(model(ids).logits[0], Reference(tmp_path).logits(ids[0].tolist())) < NOISE
        assert torch.equal(load(tmp_path)(ids).logits, model(ids).logits)


def test_padding_has_positions_unless_they_are_given(model: Model) -> None:
    """As in the original when the model is called; `generate` counts tokens only."""
    import torch

    ids, padding = prompt(40), 9
    padded = torch.cat((torch.zeros(1, padding, dtype=torch.long), ids), dim=1)
    mask = (torch.arange(40 + padding) >= padding).long()[None]
    reference = Reference(FOLDER)
    with torch.no_grad():
        physical = model(padded, mask).logits[0, padding:]
        logical = model(padded, mask, position_ids=mask.cumsum(-1) - mask).logits[0, padding:]
    shifted = reference.logits(ids[0].tolist(), first=padding)
    assert distance(physical, shifted) < 1e-4
    assert distance(logical, reference.logits(ids[0].tolist())) < 1e-4
    assert distance(physical, logical) > 0.01


@pytest.mark.parametrize("length", [8, 40])
def test_bfloat16_is_finite_and_near(length: int) -> None:
    import torch

    ids = prompt(length)
    model = load(dtype=torch.bfloat16)
    with torch.no_grad():
        logits = model(ids).logits[0]
    assert logits.dtype == torch.bfloat16
    assert bool(torch.isfinite(logits).all())
    assert distance(logits, Reference(FOLDER).logits(ids[0].tolist())) < 1.0
    assert model.generate(ids, max_new_tokens=20, do_sample=False).shape == (1, length + 20)


def test_angles_are_not_rounded_in_bfloat16() -> None:
    """Rounded to 8 bits, neighbouring positions near 1000 would be one and the same."""
    import torch

    rows = torch.tensor([[1000], [1001]])
    model = load(dtype=torch.bfloat16, use_logn_attn=False, max_position_embeddings=2048)
    cos, _, _ = model.model._positions(rows, torch.ones(1))
    exact = torch.cos(rows.double())
    assert cos.dtype == torch.float32
    assert distance(cos[:, 0, 0, 0], exact[:, 0]) < 1e-4


@pytest.mark.parametrize("checkpointing", [False, True])
def test_training_reads_without_stretching(*, checkpointing: bool) -> None:
    import torch

    model = load().train()
    if checkpointing:
        model.activation_checkpointing_enable()
    ids = prompt(40)
    plain = Reference(FOLDER, use_dynamic_ntk=False, use_logn_attn=False).logits(ids[0].tolist())
    logits = plain[:-1] - plain[:-1].max(axis=-1, keepdims=True)
    chances = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    wanted = -chances[np.arange(39), ids[0, 1:].numpy()].mean()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    loss = model(ids, labels=ids).loss
    assert model.loss_type == "ForCausalLM"
    assert loss.item() == pytest.approx(wanted, abs=1e-4)
    loss.backward()
    optimizer.step()
    assert all(weights.grad is not None for weights in model.parameters())
    assert model(ids, labels=ids).loss.item() < loss.item() - 0.1


def test_packed_requests_are_not_stretched() -> None:
    """Continuous batching is known by the `cache` that it brings."""
    import torch

    ids = prompt(40)
    with torch.no_grad():
        packed = load(attn_implementation="sdpa")(ids, cache=object()).logits[0]
    assert distance(packed, Reference(FOLDER, use_dynamic_ntk=False).logits(ids[0].tolist())) < NOISE


def test_gradients_do_not_depend_on_checkpointing() -> None:
    import torch

    ids, gradients = prompt(20), []
    for checkpointing in (False, True):
        model = load().train()
        if checkpointing:
            model.activation_checkpointing_enable()
        model(ids, labels=ids).loss.backward()
        gradients.append([weights.grad for weights in model.parameters()])
    assert gradients[0]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_inner_states_can_be_looked_at() -> None:
    out = load(attn_implementation="eager")(prompt(7), output_hidden_states=True, output_attentions=True)
    assert [states.shape for states in out.hidden_states] == [(1, 7, 32)] * 3
    assert [weights.shape for weights in out.attentions] == [(1, 2, 7, 7)] * 2
