"""Commands about the program itself: help, exit, statistics, the page."""

from qwen_chat import i18n
from qwen_chat.commands.registry import COMMANDS, Command, command, find_command
from qwen_chat.commands.result import CommandResult
from qwen_chat.message import Usage
from qwen_chat.session.context_window import describe_context
from qwen_chat.session.session import ChatSession

_CALL_WIDTH = 30


@command("help", "h", "?", usage="[command]", completes="command")
def help(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001 - every handler takes both
    """Show all commands, or one."""
    # The commands of this file come first: everyone needs them first.
    shown = [find_command(argument.lstrip("/:"))] if argument else sorted(COMMANDS, key=_is_from_another_file)
    lines = [line for entry in shown for line in _format_help(entry)]
    if not argument:
        lines.append("")
        lines += _in_every_language(i18n.Text("command.slashes"))
    return CommandResult("\n".join(lines))


@command("exit", "quit", "q", "bye")
def exit(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Leave the chat."""
    return CommandResult(action="exit")


@command("clear", "cl")
def clear(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Clear the screen, not the conversation."""
    return CommandResult(action="clear screen")


@command("stats")
def stats(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Show the model, the context, the speed and where the conversation is saved."""
    path = session.history.path()
    usages = [node.answer.usage for node in path if node.answer and node.answer.usage]
    context = usages[-1].context_tokens if usages else 0
    rows = {
        "model": session.model.name,
        **({"computes": session.model.notice} if session.model.notice else {}),
        "role": session.role.title if session.role else "none",
        "messages": f"{len(path)} in view, {session.history.message_count()} in all",
        "context": describe_context(context, session.model.context_length),
        "left out": f"{session.left_out} oldest turns",
        **_speed_rows(usages),
        **_storage_rows(session),
    }
    return CommandResult("\n".join(f"{name:<12}{value}" for name, value in rows.items()))


@command("web")
def web(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Open the conversation in a browser, too; it continues in both."""
    return CommandResult(action="open page")


def _is_from_another_file(entry: Command) -> bool:
    return entry.run.__module__ != __name__


def _format_help(entry: Command) -> list[str]:
    """Return the help of a command: one line, or two when its names are long."""
    call, meaning = _format_usage(entry), "  ".join(_in_every_language(entry.summary))
    if len(call) <= _CALL_WIDTH:
        return [f"{call:<{_CALL_WIDTH}}  {meaning}"]
    return [call, f"{'':<{_CALL_WIDTH}}  {meaning}"]


def _format_usage(entry: Command) -> str:
    names = ", ".join(f"/{name}" for name in entry.names)
    return f"{names} {entry.usage}".rstrip()


def _storage_rows(session: ChatSession) -> dict[str, str]:
    if session.store is None:
        return {"saved as": "not saved", "saved in": "nowhere (--no-history)"}
    if session.incognito:
        return {"saved as": "not saved", "saved in": "nowhere (/incognito; /new begins a chat that is saved)"}
    return {"saved as": session.history.id, "saved in": str(session.store.path)}


def _speed_rows(usages: list[Usage]) -> dict[str, str]:
    completion, seconds = sum(u.completion_tokens for u in usages), sum(u.decode_seconds for u in usages)
    read, known = sum(u.prompt_tokens for u in usages), sum(u.cached_tokens for u in usages)
    avoided = f" ({known / read:.0%} not read again)" if read else ""
    speed = f" at {completion / seconds:.1f} tokens/s" if seconds else ""
    return {
        "answered": f"{completion:,} tokens{speed}",
        "read": f"{read:,} tokens{avoided}",
    }


def _in_every_language(text: i18n.Text) -> list[str]:
    return [i18n.translate(text, language) for language in i18n.LANGUAGES]
