"""Recognizes checkpoints that cannot chat, by the names of their files and by their config."""

from collections.abc import Iterable, Mapping
from typing import Any

from qwen_chat.errors import ModelLoadError

PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_TRAINING_FILES = ("training_args", "optimizer", "scheduler", "scaler", "rng_state")

_SENTENCE_FILES = {"config_sentence_transformers.json", "modules.json", "sentence_bert_config.json"}
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
_QWEN_MEDIA = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen2_audio", "qwen2_5_omni", "qwen3_omni")
_MEDIA_CONFIGS = {
    "vision_config": "pictures",
    "audio_config": "sound",
    "thinker_config": "sound and pictures",
}
_ENCODERS = (
    *("albert", "bert", "camembert", "clip", "deberta", "deberta-v2", "distilbert", "electra", "hubert"),
    *("modernbert", "mpnet", "roberta", "siglip", "vit", "wav2vec2", "xlm-roberta"),
)


def looks_like_checkpoint(names: Iterable[str]) -> bool:
    """Return whether these are the files of a transformers or diffusers checkpoint, complete or not."""
    marks = {"config.json", "adapter_config.json", "model_index.json"}
    return any(name in marks or name.endswith(".safetensors") or _is_pickled(name) for name in names)


def check_file_names(place: str, names: Iterable[str], base_model: str | None = None) -> None:
    """Check that files of these names make a checkpoint; `place` is a folder or a model on a hub.

    Raises: ModelLoadError for a LoRA adapter, a diffusers model, pickles alone, and without config.json.
    """
    names = set(names)
    safe = {name for name in names if name.endswith(".safetensors")}
    if fault := _find_wrong_kind(names, safe, base_model) or _find_missing_file(names, safe):
        raise ModelLoadError(f"{place} {fault}")


def _find_wrong_kind(names: set[str], safe: set[str], base_model: str | None) -> str | None:
    if _SENTENCE_FILES & names:
        kind = "is an embedding model or a reranker"
        return f"{kind}, which turns text into numbers and cannot chat: name an instruct model"
    if "model_index.json" in names and "config.json" not in names:
        return "is no language model, but one for diffusers, which makes pictures"
    if "adapter_config.json" in names and (
        "config.json" not in names or safe <= {"adapter_model.safetensors"}
    ):
        of = f" for {base_model}" if base_model else ""
        return f"is an adapter (LoRA){of}, not a model: name the model it is for with -c"
    if not safe and (pickles := sorted(filter(_is_pickled, names))):
        return (
            f"has only pickled weights ({to_one_line(pickles[0])}), refused because they can run code: "
            "use the safetensors version (many hubs offer one as a revision: --revision refs/pr/1), or save "
            "it again with save_pretrained in an environment you trust"
        )
    return None


def _find_missing_file(names: set[str], safe: set[str]) -> str | None:
    if "config.json" not in names:
        return "has no config.json, which every checkpoint has: fetch it from its page"
    return None if safe else "has no weights: fetch its .safetensors files"


def _is_pickled(name: str) -> bool:
    return name.lower().endswith(PICKLE_SUFFIXES) and not name.startswith(_TRAINING_FILES)


def find_config_fault(config: Mapping[str, Any]) -> str | None:
    """Return why the model of `config` cannot chat, worded to follow the file's path; None if it can."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        return "names no model_type: use a checkpoint that transformers can load, or a GGUF of the model"
    if kind.startswith(_QWEN_MEDIA) and not kind.endswith("_text"):
        return describe_no_text_model(kind, config)
    for key, name in (("visual", "Qwen-VL"), ("audio", "Qwen-Audio")):
        if kind == "qwen" and config.get(key) is not None:
            return f"is of {name}, which is more than a text model: use a text model, as Qwen/Qwen-7B-Chat"
    return _find_architecture_fault(kind, config)


def describe_no_text_model(kind: str, config: Mapping[str, Any]) -> str:
    """Return why transformers cannot chat with a model of this kind, worded to follow its place."""
    media = next((what for key, what in _MEDIA_CONFIGS.items() if config.get(key) is not None), None)
    if media is None and not kind.startswith(_QWEN_MEDIA):
        no_text = f"is of {to_one_line(kind)}, no causal language model of transformers"
        return f"{no_text}: use a GGUF, or another model"
    also = f"is of {to_one_line(kind)}, which also takes {media or 'pictures or sound'}"
    return f"{also}: for text chat use a GGUF of it, which llama.cpp runs, or a text model"


def _find_architecture_fault(kind: str, config: Mapping[str, Any]) -> str | None:
    names = config.get("architectures")
    heads = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    causal = any(name.endswith(_CAUSAL) for name in heads)
    other = kind in _ENCODERS or any(name.endswith(_NOT_CAUSAL) for name in heads)
    if config.get("is_encoder_decoder") is True or (other and not causal):
        name = to_one_line(heads[0] if heads else kind)
        return f"is of {name}, which cannot chat: use a causal language model"
    return None


def to_one_line(text: str) -> str:
    """Return the first 100 characters of foreign text, made safe for a one-line message."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:100])
