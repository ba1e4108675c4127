"""What looks like a checkpoint and is none that can chat, by the names of its files and by its config."""

from collections.abc import Iterable, Mapping
from typing import Any

from qwen_chat.errors import ModelLoadError

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_NOT_WEIGHTS = ("training_args", "optimizer", "scheduler", "scaler", "rng_state")

_CAUSAL = ("ForCausalLM", "LMHeadModel")
_NOT_CAUSAL = (
    "SequenceClassification",
    "TokenClassification",
    "QuestionAnswering",
    "MaskedLM",
    "MultipleChoice",
    "PreTraining",
    "ImageClassification",
    "CTC",
)
_ENCODERS = (
    *("albert", "bert", "camembert", "clip", "deberta", "deberta-v2", "distilbert", "electra", "hubert"),
    *("modernbert", "mpnet", "roberta", "siglip", "vit", "wav2vec2", "xlm-roberta"),
)


def is_checkpoint(names: Iterable[str]) -> bool:
    """Say whether a folder with these files was meant for transformers or its kin, whole or not."""
    marks = {"config.json", "adapter_config.json", "model_index.json"}
    return any(name in marks or name.endswith(".safetensors") or _is_pickled(name) for name in names)


def refuse(place: str, names: Iterable[str], base_model: str | None = None) -> None:
    """Refuse what the names of its files show to be no checkpoint; `place` is a folder or a model on a hub.

    Raises: ModelLoadError for a LoRA adapter, for diffusers, for pickles alone, and without config.json.
    """
    names = set(names)
    safe = {name for name in names if name.endswith(".safetensors")}
    if "model_index.json" in names and "config.json" not in names:
        raise ModelLoadError(f"{place} is no language model, but one for diffusers, which makes pictures")
    if "adapter_config.json" in names and (
        "config.json" not in names or safe <= {"adapter_model.safetensors"}
    ):
        of = f" for {base_model}" if base_model else ""
        raise ModelLoadError(
            f"{place} is an adapter (LoRA){of}, not a model: name the model it is for with -c"
        )
    if not safe and (pickles := sorted(filter(_is_pickled, names))):
        raise ModelLoadError(
            f"{place} has only pickled weights ({one_line(pickles[0])}), refused because they can run code: "
            "use the safetensors version (many hubs offer one as a revision: --revision refs/pr/1), or save "
            "it again with save_pretrained in an environment you trust"
        )
    if "config.json" not in names:
        raise ModelLoadError(
            f"{place} has no config.json, which every checkpoint has: fetch it from its page"
        )
    if not safe:
        raise ModelLoadError(f"{place} has no weights: fetch its .safetensors files")


def _is_pickled(name: str) -> bool:
    return name.lower().endswith(_PICKLED) and not name.startswith(_NOT_WEIGHTS)


def unsuitable(config: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the model that `config` describes, to follow its path, or None."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        return "names no model_type: use a checkpoint that transformers can load, or a GGUF of the model"
    for key, name in (("visual", "Qwen-VL"), ("audio", "Qwen-Audio")):
        if kind == "qwen" and config.get(key) is not None:
            return f"is of {name}, which is more than a text model: use a text model, as Qwen/Qwen-7B-Chat"
    names = config.get("architectures")
    heads = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    causal = any(name.endswith(_CAUSAL) for name in heads)
    other = kind in _ENCODERS or any(name.endswith(_NOT_CAUSAL) for name in heads)
    if config.get("is_encoder_decoder") is True or (other and not causal):
        return (
            f"is of {one_line(heads[0] if heads else kind)}, which cannot chat: use a causal language model"
        )
    return None


def one_line(text: str) -> str:
    """Make one line for a message of a text that is not ours."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:100])
