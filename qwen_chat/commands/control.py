"""Commands about the chat program itself."""

from qwen_chat.commands.table import COMMANDS, Command, Outcome, command, find
from qwen_chat.message import Usage
from qwen_chat.session.context_window import describe_context
from qwen_chat.session.session import ChatSession

_CALL_WIDTH = 30


@command("help", "h", "?", usage="[command]", en="Show this help", zh="显示帮助信息", completes="command")
def help(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001 - every handler takes both
    """Show all commands, or one."""
    # What everyone needs first stands first: the commands of this file.
    shown = [find(argument.lstrip("/:"))] if argument else sorted(COMMANDS, key=_elsewhere)
    lines = [line for entry in shown for line in _described(entry)]
    if not argument:
        lines.append("")
        lines.append("':' works in place of '/'; '//' begins a message with a slash.")
        lines.append("':' 可以代替 '/'；以 '//' 开头可发送以斜杠开头的消息。")
    return Outcome("\n".join(lines))


@command("exit", "quit", "q", "bye", en="Leave the chat", zh="退出")
def exit(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001
    """Leave."""
    return Outcome(action="exit")


@command("clear", "cl", en="Clear the screen", zh="清屏")
def clear(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001
    """Clear the screen, not the conversation."""
    return Outcome(action="clear screen")


@command("stats", en="Show model, context and speed", zh="显示模型、上下文与速度统计")
def stats(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001
    """Show what this conversation is, took and cost."""
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
        **_speeds(usages),
        **_saved(session),
    }
    return Outcome("\n".join(f"{name:<12}{value}" for name, value in rows.items()))


@command("web", en="Open this chat in a browser, too", zh="在浏览器中同时打开当前对话")
def web(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001
    """Open a page that shows the same conversation, which goes on in both."""
    return Outcome(action="open page")


def _elsewhere(entry: Command) -> bool:
    return entry.run.__module__ != __name__


def _described(entry: Command) -> list[str]:
    """Return a command and what it does: on one line, or on two when it is long to write."""
    call, meaning = _call(entry), f"{entry.english}  {entry.chinese}"
    if len(call) <= _CALL_WIDTH:
        return [f"{call:<{_CALL_WIDTH}}  {meaning}"]
    return [call, f"{'':<{_CALL_WIDTH}}  {meaning}"]


def _call(entry: Command) -> str:
    names = ", ".join(f"/{name}" for name in entry.names)
    return f"{names} {entry.usage}".rstrip()


def _saved(session: ChatSession) -> dict[str, str]:
    if session.store is None:
        return {"saved as": "not saved", "saved in": "nowhere (--no-history)"}
    if session.incognito:
        return {"saved as": "not saved", "saved in": "nowhere (/incognito; /new begins a chat that is saved)"}
    return {"saved as": session.history.id, "saved in": str(session.store.path)}


def _speeds(usages: list[Usage]) -> dict[str, str]:
    made, seconds = sum(u.completion_tokens for u in usages), sum(u.decode_seconds for u in usages)
    read, known = sum(u.prompt_tokens for u in usages), sum(u.cached_tokens for u in usages)
    avoided = f" ({known / read:.0%} not read again)" if read else ""
    return {
        "answered": f"{made:,} tokens" + (f" at {made / seconds:.1f} tokens/s" if seconds else ""),
        "read": f"{read:,} tokens{avoided}",
    }
