"""`qwen-chat chats`: list, search, show, export, import and delete saved conversations, without a model."""

import json
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from qwen_chat.errors import UsageError
from qwen_chat.export import SUFFIXES, WRITERS, to_json, to_markdown
from qwen_chat.export.output_file import write_new
from qwen_chat.history import History
from qwen_chat.storage.listing import describe_summary, format_results, format_summaries
from qwen_chat.storage.search import resolve_chat
from qwen_chat.storage.search import search as search_chats
from qwen_chat.storage.store import Store, default_path
from qwen_chat.text import escape_controls, strip_controls

_LIST_LENGTH = 20

_json_option = click.option("--json", "as_json", is_flag=True, help="as JSON, for programs")
_chat_argument = click.argument("chat")


@click.group(invoke_without_command=True)
@click.pass_context
def chats(context: click.Context) -> int:
    """List, search, show, export, import and delete saved chats.

    CHAT is the number of a chat in the list, or the beginning of its id.
    """
    return 0 if context.invoked_subcommand else int(context.invoke(list_chats))


@chats.command("list")
@click.option("-n", "limit", type=click.IntRange(1), default=_LIST_LENGTH, show_default=True, help="how many")
@_json_option
def list_chats(*, limit: int = _LIST_LENGTH, as_json: bool = False) -> int:
    """List the chats, newest first."""
    with _open_store() as store:
        recent = store.recent(limit)
    if as_json:
        return _print_json([asdict(chat) for chat in recent])
    return _print_lines(format_summaries(recent) or ["no conversation is saved yet"])


@chats.command()
@click.argument("words", nargs=-1, required=True)
@_json_option
def search(words: Sequence[str], *, as_json: bool) -> int:
    """Show the chats that contain all WORDS, with the text around them."""
    with _open_store() as store:
        found = search_chats(store, " ".join(words))
    if as_json:
        return _print_json([asdict(chat) for chat in found])
    return _print_lines(format_results(found) or [f"no saved chat holds all of: {' '.join(words)}"])


@chats.command()
@_chat_argument
@_json_option
def show(chat: str, *, as_json: bool) -> int:
    """Print the current branch of CHAT as Markdown, or all branches as JSON."""
    history = _load_chat(chat)
    if as_json:
        return _write(escape_controls(to_json(history)).encode())
    return _print_lines([to_markdown(history).rstrip("\n")])


@chats.command()
@_chat_argument
@click.option("-o", "--output", metavar="FILE", help="write a new file; default: stdout")
@click.option("--format", "kind", type=click.Choice(list(WRITERS)), help="default: the suffix of FILE, or md")
def export(chat: str, *, output: str | None, kind: str | None) -> int:
    """Write CHAT as Markdown, JSON, an HTML page, or a sample for fine-tuning Qwen."""
    path = Path(output).expanduser() if output else None
    kind = kind or _format_of(path)
    text = WRITERS[kind](_load_chat(chat))
    if path is not None:
        write_new(path, text)
        return 0
    return _print_lines([text.rstrip("\n")]) if sys.stdout.isatty() else _write(text.encode())


@chats.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def import_chats(files: Sequence[str]) -> int:
    """Add chats from other programs' exports, from fine-tuning samples, or from qwen-chat.

    A chat that cannot be read is skipped and named; a chat that is already saved is skipped. If a file cannot
    be read at all, nothing is imported.
    """
    from qwen_chat.importers import format_import, read_chats

    found = [read_chats(Path(file).expanduser()) for file in files]
    histories = [chat for each in found for chat in each.chats]
    with _open_store() as store:
        added = store.add_all(histories)
    for fault in (fault for each in found for fault in each.faults):
        sys.stderr.write(f"left out: {strip_controls(fault)}\n")
    for note in (note for each in found for note in each.notes):
        sys.stderr.write(f"note: {strip_controls(note)}\n")
    return _print_lines(format_import(added, len(histories), "qwen-chat --resume"))


@chats.command()
@_chat_argument
@click.option("-y", "--yes", is_flag=True, help="do not ask for confirmation")
def delete(chat: str, *, yes: bool) -> int:
    """Delete CHAT for good."""
    with _open_store() as store:
        summary = store.summary(_find_chat(store, chat))
        description = strip_controls(describe_summary(summary))
        if not yes and not click.confirm(f"Delete {description} for good?", err=True):
            return _print_lines([f"{description} stays"])
        store.delete(summary.id)
    return _print_lines([f"deleted {description}"])


@contextmanager
def _open_store() -> Generator[Store]:
    with closing(Store(default_path())) as store:
        yield store


def _find_chat(store: Store, chat: str) -> str:
    return resolve_chat(store, chat, [each.id for each in store.recent(_LIST_LENGTH)])


def _load_chat(chat: str) -> History:
    with _open_store() as store:
        return store.load(_find_chat(store, chat))


def _format_of(path: Path | None) -> str:
    suffix = path.suffix.lstrip(".").lower() if path else "md"
    if suffix not in SUFFIXES:
        raise UsageError(f"-o {path}: add --format, which is one of {', '.join(WRITERS)}")
    return SUFFIXES[suffix]


def _print_lines(lines: Sequence[str]) -> int:
    return _write("".join(f"{strip_controls(line)}\n" for line in lines).encode())


def _print_json(value: Sequence[Mapping[str, object]]) -> int:
    return _write(escape_controls(json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())


def _write(data: bytes) -> int:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # nobody reads any more, as in `qwen-chat chats show 1 | head`
        from qwen_chat.terminal.output.stdout import discard_stdout

        discard_stdout()
    return 0
