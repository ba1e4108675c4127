"""The command line: arguments -> which front end with which model."""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from qwen_chat import __version__, presets, sampling, settings, text_file
from qwen_chat.errors import QwenChatError, UsageError
from qwen_chat.history import History
from qwen_chat.model import worker
from qwen_chat.model.loading import LoadingModel
from qwen_chat.model.opening import open_model
from qwen_chat.sampling import SamplingParams
from qwen_chat.session import ChatSession
from qwen_chat.settings import SPECS, Settings
from qwen_chat.store import Store, default_path
from qwen_chat.terminal.text import printable

_SHORT = {"checkpoint_path": "-c", "seed": "-s"}
_CLICK: dict[str, dict[str, Any]] = {
    "switch": {"is_flag": True},
    "list": {"multiple": True},
    "number": {"type": int},
}
"""Click's attributes for the kinds of settings."""


def _setting_flags(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command a flag for each setting and each sampling parameter, described where they live."""
    for name in reversed(sampling.NAMES):
        function = _option(name, multiple=name == "stop", metavar="TEXT" if name == "stop" else "N")(function)
    for name, spec in reversed(SPECS.items()):
        function = _option(name, **_CLICK.get(spec.kind, {}))(function)
    return function


def _option(name: str, **attributes: Any) -> Callable[..., Any]:  # noqa: ANN401
    help = sampling.MEANINGS[name] if name in sampling.MEANINGS else SPECS[name].help
    flag = f"--{name.replace('_', '-')}"
    if attributes.get("is_flag"):
        flag += f"/--no-{flag.removeprefix('--')}"
    default: dict[str, Any] = {} if attributes.get("multiple") else {"default": None}
    return click.option(flag, *filter(None, [_SHORT.get(name)]), name, help=help, **default, **attributes)


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A question with -p or on stdin is answered on stdout. Every setting may also stand in "
    "config.toml, or in the environment as QWEN_CHAT_*.",
)
@click.option("-p", "--prompt", help="answer this, and leave")
@click.option("--json", "as_json", is_flag=True, help="with -p or stdin: the answer as one JSON object")
@click.option("--continue", "go_on", is_flag=True, help="go on with the last conversation")
@click.option("--resume", metavar="ID", help="go on with the conversation of this id")
@click.option("--system-file", metavar="FILE", help="the system prompt, from a file")
@_setting_flags
@click.version_option(__version__, prog_name="qwen-chat")
def chat(
    prompt: str | None,
    as_json: bool,
    go_on: bool,
    resume: str | None,
    system_file: str | None,
    **flags: Any,  # noqa: ANN401
) -> int:
    """Chat with a model of the Qwen family, or with the small demo model when none is named."""
    chosen = _settings(flags, system_file=system_file)
    resuming = go_on or resume is not None
    if resuming:
        _check_resuming(chosen, resume, go_on=go_on, role=flags["role"])
    question = _question(prompt)
    if as_json and question is None:
        raise UsageError("--json is for one answer: give the question with -p, or on stdin")
    role = presets.load(chosen.role) if chosen.role and not resuming else None
    with ExitStack() as stack:
        store = stack.enter_context(closing(Store(default_path()))) if chosen.history else None
        resumed = _resumed(store, resume, go_on=go_on) if store else None
        located, model = open_model(chosen, sys.stderr)
        session = ChatSession(model, chosen, store=store, role=role)
        stack.callback(_close, session)
        if resumed is not None:
            _go_on(session, resumed)
        if question is not None:
            from qwen_chat.terminal import oneshot

            return oneshot.answer(session, question, as_json=as_json, quiet=chosen.quiet)
        return _talk(session, model, embedded=located.embedded)


def run() -> NoReturn:
    """Run the command line, and leave the process."""
    code = main()
    if any(thread.name == worker.THREAD_NAME for thread in threading.enumerate()):
        # The engine is still at its last batch, and would crash in an interpreter that is taken down.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code; errors are one line on stderr."""
    _open_streams()
    try:
        return int(chat.main(argv, prog_name="qwen-chat", standalone_mode=False) or 0)
    except click.ClickException as error:
        return _fail(error.format_message())
    except QwenChatError as error:
        return _fail(str(error))
    except OSError as error:
        return _give_up_output(error)
    except SystemExit as left:
        # Click leaves like this when nobody reads the help, and when it has completed a word for a shell.
        return int(left.code or 0)
    except (KeyboardInterrupt, click.Abort):
        return 130


def _open_streams() -> None:
    """Put the null device where a stream is closed; what a stream cannot encode becomes `?`."""
    for name in ("stdin", "stdout", "stderr"):  # in order: each gets the number of the one closed
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(null, "r" if name == "stdin" else "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def _give_up_output(error: OSError) -> int:
    from qwen_chat.terminal import oneshot

    oneshot.abandon_stdout()
    return _fail(f"cannot read or write ({error.strerror or error}): is the disk full, or the terminal gone?")


def _fail(message: str) -> int:
    with suppress(OSError):
        sys.stderr.write(f"qwen-chat: {printable(' '.join(message.split()))}\n")
    return 2


def _settings(flags: Mapping[str, Any], *, system_file: str | None) -> Settings:
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    chosen = {name: value for name, value in given.items() if name in SPECS}
    if system_file is not None:
        if "system" in chosen:
            raise UsageError("--system and --system-file: give one of them")
        chosen["system"] = text_file.read_text(Path(system_file))
    return settings.load({**chosen, "sampling": _sampling(given)})


def _sampling(given: Mapping[str, Any]) -> SamplingParams:
    numbers = [f"{name}={given[name]}" for name in sampling.NAMES if name in given and name != "stop"]
    return SamplingParams(stop=given.get("stop")).over(SamplingParams.parse(numbers))


def _question(prompt: str | None) -> str | None:
    """Return the one question to answer, or None to talk."""
    piped = _piped()
    if prompt is None and piped is None:
        if not sys.stdout.isatty():
            raise UsageError("stdout is not a terminal: give the question with -p, or on stdin")
        return None
    text = "\n\n".join(part for part in (prompt, piped) if part and part.strip())
    if not text:
        raise UsageError("nothing to answer: the question is empty")
    return text


def _piped() -> str | None:
    """Return what is piped in, or None when stdin is a terminal."""
    if sys.stdin.isatty():
        return None
    try:
        data = sys.stdin.buffer.read(text_file.MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read stdin: {error.strerror or error}; give the question with -p") from None
    return text_file.decode(data, "stdin").rstrip("\r\n")


def _check_resuming(chosen: Settings, id: str | None, *, go_on: bool, role: str | None) -> None:
    flag = "--continue" if go_on else "--resume"
    if go_on and id is not None:
        raise UsageError("--continue and --resume: give one of them")
    if role:
        raise UsageError(f"a role begins a conversation of its own: leave out {flag}, or --role")
    if not chosen.history:
        raise UsageError(f"{flag}: nothing is saved without history: leave out --no-history")


def _resumed(store: Store, id: str | None, *, go_on: bool) -> History | None:
    """Return the conversation to go on with, or None to begin one."""
    if go_on:
        recent = store.recent(1)
        if not recent:
            raise UsageError("no conversation to go on with: begin one without --continue")
        id = recent[0].id
    return None if id is None else store.load(id)


def _go_on(session: ChatSession, history: History) -> None:
    session.open(history)
    if session.settings.system is not None:
        session.set_system(session.settings.system)


def _talk(session: ChatSession, model: LoadingModel, *, embedded: bool) -> int:
    from qwen_chat.terminal.reader import Reader
    from qwen_chat.terminal.repl import Repl, banner

    chosen = session.settings
    reader = Reader(model, keep=chosen.history, plain=chosen.plain)
    repl = Repl(session, reader, plain=chosen.plain, quiet=chosen.quiet)
    return repl.run(greeting=banner(session, embedded=embedded))


def _close(session: ChatSession) -> None:
    rescued = session.close()
    if rescued is not None:
        sys.stderr.write(f"the conversation could not be saved; it is in {rescued}, /load reads it\n")
    session.model.close()
