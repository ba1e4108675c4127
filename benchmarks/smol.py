"""Converts the small embedded model to a safetensors checkpoint for torch once, and keeps it."""

import json
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp

from qwen_chat.files.paths import cache_dir
from qwen_chat.model.catalog import embedded

FOLDER = "SmolLM2-135M-Instruct"


def checkpoint() -> Path:
    """Return the checkpoint's folder, and create it first if need be."""
    folder = cache_dir() / "models" / FOLDER
    if not folder.is_dir():
        source = embedded.fetch(embedded.SMALL, sys.stderr)
        work = Path(mkdtemp(prefix="convert-", dir=source.parent))
        _convert(source, work)
        try:
            work.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(work)
    return folder


def _convert(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)
    generation = target / "generation_config.json"
    sampling = {"do_sample": True, **embedded.SMALL.params.chosen()}
    generation.write_text(json.dumps(json.loads(generation.read_text()) | sampling, indent=1))
