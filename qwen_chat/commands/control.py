"""Commands about the chat program itself."""

from qwen_chat.commands.table import COMMANDS, Command, Outcome, command, find
from qwen_chat.message import Usage
from qwen_chat.session import ChatSession


@command("help", "h", "?", usage="[command]", en="Show this help", zh="显示帮助信息")
def help(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001 - every handler takes both
    """Show all commands, or one."""
    shown = [find(argument.lstrip("/:"))] if argument else COMMANDS
    width = max(len(_call(entry)) for entry in shown)
    lines = [f"{_call(entry):<{width}}  {entry.english}  {entry.chinese}" for entry in shown]
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
        "messages": f"{len(path)} in view, {session.history.spoken()} in all",
        "context": f"{context:,} of {session.model.context_length:,} tokens",
        "left out": f"{session.left_out} oldest turns",
        **_speeds(usages),
        "saved as": session.history.id if session.store else "not saved",
        "saved in": str(session.store.path) if session.store else "nowhere (--no-history)",
    }
    return Outcome("\n".join(f"{name:<12}{value}" for name, value in rows.items()))


def _call(entry: Command) -> str:
    names = ", ".join(f"/{name}" for name in entry.names)
    return f"{names} {entry.usage}".rstrip()


def _speeds(usages: list[Usage]) -> dict[str, str]:
    made, seconds = sum(u.completion_tokens for u in usages), sum(u.decode_seconds for u in usages)
    read, known = sum(u.prompt_tokens for u in usages), sum(u.cached_tokens for u in usages)
    avoided = f" ({known / read:.0%} not read again)" if read else ""
    return {
        "answered": f"{made:,} tokens" + (f" at {made / seconds:.1f} tokens/s" if seconds else ""),
        "read": f"{read:,} tokens{avoided}",
    }
