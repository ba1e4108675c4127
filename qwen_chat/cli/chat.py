"""The chat in the terminal, or one answer: what `qwen-chat` does without a subcommand."""

import sys
from contextlib import ExitStack, closing
from typing import Any

from qwen_chat.cli.flags import read_settings
from qwen_chat.cli.shared_page import SharedPage
from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import MAX_TEXT_BYTES, decode_text
from qwen_chat.history import History
from qwen_chat.model.base import ChatModel
from qwen_chat.model.factory import open_model
from qwen_chat.roles import load_role
from qwen_chat.session.session import ChatSession
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store, default_path


def chat(
    *,
    prompt: str | None,
    as_json: bool,
    go_on: bool,
    resume: str | None,
    system_file: str | None,
    **flags: Any,  # noqa: ANN401
) -> int:
    """Chat in the terminal, or answer one question; return the exit code.

    Raises: QwenChatError.
    """
    chosen = read_settings(flags, system_file=system_file)
    resuming = go_on or resume is not None
    if resuming:
        _check_resume_flags(chosen, resume, go_on=go_on, role=flags["role"])
    question = _read_question(prompt)
    if as_json and question is None:
        raise UsageError("--json is for one answer: give the question with -p, or on stdin")
    role = load_role(chosen.role) if chosen.role and not resuming else None
    with ExitStack() as stack:
        store = stack.enter_context(closing(Store(default_path()))) if chosen.history else None
        resumed = _load_resumed(store, resume, go_on=go_on) if store else None
        _, model = open_model(chosen, sys.stderr)
        session = ChatSession(model, chosen, store=store, role=role)
        stack.callback(_close_session, session)
        if resumed is not None:
            _resume(session, resumed)
        if question is not None:
            from qwen_chat.terminal import oneshot

            return oneshot.answer_question(session, question, as_json=as_json, quiet=chosen.quiet)
        return _run_repl(session, model)


def _read_question(prompt: str | None) -> str | None:
    """Return the one question to answer, or None for a chat."""
    piped = _read_stdin()
    if prompt is None and piped is None:
        if not sys.stdout.isatty():
            raise UsageError("stdout is not a terminal: give the question with -p, or on stdin")
        return None
    text = "\n\n".join(part for part in (prompt, piped) if part and part.strip())
    if not text:
        raise UsageError("nothing to answer: the question is empty")
    return text


def _read_stdin() -> str | None:
    """Return the text on stdin, or None when stdin is a terminal."""
    if sys.stdin.isatty():
        return None
    try:
        data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read stdin: {error.strerror or error}; give the question with -p") from None
    return decode_text(data, "stdin").rstrip("\r\n")


def _check_resume_flags(chosen: Settings, id: str | None, *, go_on: bool, role: str | None) -> None:
    flag = "--continue" if go_on else "--resume"
    if go_on and id is not None:
        raise UsageError("--continue and --resume: give one of them")
    if role:
        raise UsageError(f"a role begins a new conversation: leave out {flag}, or --role")
    if not chosen.history:
        raise UsageError(f"{flag}: nothing is saved without history: leave out --no-history")


def _load_resumed(store: Store, id: str | None, *, go_on: bool) -> History | None:
    """Return the conversation to continue, or None to begin a new one."""
    if go_on:
        recent = store.recent(1)
        if not recent:
            raise UsageError("no conversation to continue: begin one without --continue")
        id = recent[0].id
    return None if id is None else store.load(id)


def _resume(session: ChatSession, history: History) -> None:
    session.open(history)
    if session.settings.system is not None:
        session.set_system(session.settings.system)


def _run_repl(session: ChatSession, model: ChatModel) -> int:
    from qwen_chat.terminal.input.reader import PromptReader
    from qwen_chat.terminal.repl import Repl

    chosen = session.settings
    reader = PromptReader(session, model)
    plain = chosen.plain or chosen.screen_reader
    with closing(SharedPage(session, model)) as page:
        repl = Repl(session, reader, page.open, plain=plain, quiet=chosen.quiet)
        return repl.run()


def _close_session(session: ChatSession) -> None:
    rescued = session.close()
    if rescued is not None:
        sys.stderr.write(f"the conversation could not be saved; it is in {rescued}, /load reads it\n")
    session.model.close()
