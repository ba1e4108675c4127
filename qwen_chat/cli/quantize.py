"""`qwen-chat quantize`: write a quantized copy of a checkpoint."""

import sys
from importlib.util import find_spec
from pathlib import Path

import click

from qwen_chat.errors import MissingExtraError, UsageError
from qwen_chat.model.factory import locate_chosen
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.library_logging import silence_libraries
from qwen_chat.settings import Settings, load_settings
from qwen_chat.text import format_size
from qwen_chat.training.calibration import read_conversations

_PACKAGES = ("torch", "transformers", "gptqmodel", "optimum")


@click.command(
    epilog='FILE has Qwen\'s format: [{"id": "1", "conversations": [{"from": "user", "value": "Hi"}, '
    '{"from": "assistant", "value": "Hello!"}]}]',
)
@click.option("-c", "--checkpoint-path", metavar="NAME", help="a safetensors checkpoint: folder or name")
@click.option("--bits", type=click.Choice([4, 8]), default=4, show_default=True, help="bits per weight")
@click.option(
    "--data",
    required=True,
    metavar="FILE",
    help="conversations to calibrate with, like those of its later use",
)
@click.option("-o", "--output", required=True, metavar="DIR", help="the folder to write")
@click.option(
    "--group-size",
    type=click.Choice([32, 64, 128]),
    help="weights that share a scale; default: the largest that fits",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=128,
    show_default=True,
    help="how many conversations to use",
)
@click.option(
    "--max-len",
    type=click.IntRange(16),
    default=2048,
    show_default=True,
    help="the most tokens of a conversation to use",
)
@click.option("--cpu-only", is_flag=True, default=None, help="do not use the GPU")
@click.option("--overwrite", is_flag=True, help="replace a checkpoint in the folder")
def quantize(
    *,
    checkpoint_path: str | None,
    bits: int,
    data: str,
    output: str,
    group_size: int | None,
    samples: int,
    max_len: int,
    cpu_only: bool | None,
    overwrite: bool,
) -> int:
    """Quantize a checkpoint with GPTQ, calibrated on conversations."""
    given = {"checkpoint_path": checkpoint_path, "cpu_only": cpu_only}
    chosen = load_settings({name: value for name, value in given.items() if value is not None})
    folder, out = _locate_source(chosen), Path(output).expanduser()
    _check_output(out, folder, overwrite=overwrite)
    info = read_checkpoint(folder)
    chats = read_conversations(Path(data).expanduser())
    if not all(map(find_spec, _PACKAGES)):
        raise MissingExtraError("Quantizing", "gptq")
    silence_libraries()
    from qwen_chat.training import gptq

    gptq_settings = gptq.GptqSettings(bits, group_size, samples, max_len, cpu_only=chosen.cpu_only)
    gptq.quantize(info, chats, out, gptq_settings, _print_progress)
    sys.stderr.write(f"{out}: {_weights_size(out)}, from {_weights_size(folder)}\n")
    return 0


def _locate_source(chosen: Settings) -> Path:
    if chosen.checkpoint_path is None:
        raise UsageError("-c is missing: name a safetensors checkpoint, a folder or owner/name on the hub")
    located = locate_chosen(chosen, sys.stderr)
    if located.engine != "transformers":
        raise UsageError(f"{located.name} is a GGUF file, which is already quantized: name safetensors")
    return located.path


def _check_output(out: Path, source: Path, *, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"-o {out} is a file: name a folder")
    if out.exists() and out.resolve() == source.resolve():
        raise UsageError(f"-o {out} is the checkpoint itself: name another folder")
    if not out.exists() or not any(out.iterdir()):
        return
    if not overwrite:
        raise UsageError(f"-o {out} has files in it: name another folder, or add --overwrite")
    if not (out / "config.json").exists():
        raise UsageError(f"-o {out} has files in it that are no checkpoint: name another folder")


def _print_progress(done: int, layers: int) -> None:
    end = "\n" if done == layers or not sys.stderr.isatty() else ""
    start = "\r" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{start}quantizing: layer {done} of {layers}{end}")
    sys.stderr.flush()


def _weights_size(folder: Path) -> str:
    return format_size(sum(file.stat().st_size for file in folder.glob("*.safetensors")))
