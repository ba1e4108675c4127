"""Commands about the program itself: help, exit, statistics, the page."""

from qwen_chat.commands.registry import COMMANDS, Command, command, find_command
from qwen_chat.commands.result import CommandResult
from qwen_chat.message import Usage
from qwen_chat.session.context_window import describe_context
from qwen_chat.session.session import ChatSession

_CALL_WIDTH = 30


@command("help", "h", "?", usage="[command]", en="Show this help", zh="显示帮助信息", completes="command")
def help(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001 - every handler takes both
    """Show all commands, or one."""
    # The commands of this file come first: everyone needs them first.
    shown = [find_command(argument.lstrip("/:"))] if argument else sorted(COMMANDS, key=_is_from_another_file)
    lines = [line for entry in shown for line in _format_help(entry)]
    if not argument:
        lines.append("")
        lines.append("':' works in place of '/'; '//' begins a message with a slash.")
        lines.append("':' 可以代替 '/'；以 '//' 开头可发送以斜杠开头的消息。")
    return CommandResult("\n".join(lines))


@command("exit", "quit", "q", "bye", en="Leave the chat", zh="退出")
def exit(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Leave the chat."""
    return CommandResult(action="exit")


@command("clear", "cl", en="Clear the screen", zh="清屏")
def clear(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Clear the screen, not the conversation."""
    return CommandResult(action="clear screen")


@command("stats", en="Show model, context and speed", zh="显示模型、上下文与速度统计")
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


@command("web", en="Open this chat in a browser, too", zh="在浏览器中同时打开当前对话")
def web(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Open the conversation in a browser, too; it continues in both."""
    return CommandResult(action="open page")


def _is_from_another_file(entry: Command) -> bool:
    return entry.run.__module__ != __name__


def _format_help(entry: Command) -> list[str]:
    """Return the help of a command: one line, or two when its names are long."""
    call, meaning = _format_usage(entry), f"{entry.english}  {entry.chinese}"
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
