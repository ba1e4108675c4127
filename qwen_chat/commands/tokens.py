"""Commands that show tokens: those of the prompt, of a text, and the alternatives in an answer."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from qwen_chat.commands.registry import command, parse_number
from qwen_chat.commands.result import CommandResult, TokenListing
from qwen_chat.errors import UsageError
from qwen_chat.message import Alternative, Message, Token
from qwen_chat.model.alternatives import ends_answer
from qwen_chat.model.base import require_tokens
from qwen_chat.model.chatml import IM_START
from qwen_chat.session.answer_tokens import answer_tokens, list_alternatives
from qwen_chat.session.context_window import describe_context
from qwen_chat.session.session import ChatSession
from qwen_chat.text import plural

_ALTERNATIVES = 8


@command(
    "prompt",
    usage="[ids]",
    words=("ids",),
)
def prompt(session: ChatSession, argument: str) -> CommandResult:
    """Show the tokens of the prompt for the last question, message by message."""
    tokens = require_tokens(session.model).encode(session.prompt(), session.prompt_options)
    control, left_out = sum(token.control for token in tokens), session.left_out
    limit = session.model.context_length
    lines = [f"{describe_context(len(tokens), limit)}, {control} of them control tokens"]
    if left_out:
        turns = "turn" if left_out == 1 else f"{left_out} turns"
        lines.append(f"left out, since the context is full: the oldest {turns}")
    return CommandResult(
        "\n".join(lines), tokens=TokenListing(tuple(_split_messages(tokens)), _wants_details(argument))
    )


@command("tokens", usage="TEXT")
def tokens(session: ChatSession, argument: str) -> CommandResult:
    """Show the tokens of a text."""
    if not argument:
        raise UsageError("write the text: /tokens Hello")
    model = require_tokens(session.model)
    # What a message adds to the prompt of an empty one is its text.
    whole, empty = (model.encode([Message("user", text)]) for text in (argument, ""))
    shared = next((n for n, (a, b) in enumerate(zip(whole, empty, strict=False)) if a != b), len(empty))
    found = whole[shared : shared + len(whole) - len(empty)]
    count = plural(len(found), "token")
    return CommandResult(count, tokens=TokenListing((("", tuple(found)),), detailed=True))


@command("alt", usage="[n [k]]")
def alt(session: ChatSession, argument: str) -> CommandResult:
    """Show the tokens of the last answer, the alternatives to one of them, or continue from one."""
    answer = answer_tokens(session)
    words = argument.split()
    if not words:
        view = TokenListing((("the last answer", tuple(answer)),), detailed=True)
        return CommandResult("/alt N shows what else token N could have been", tokens=view)
    number = parse_number(words[0])
    found = list_alternatives(session, number - 1, _ALTERNATIVES)
    if len(words) == 1:
        return CommandResult("\n".join(_format_alternatives(found, answer, number)))
    chosen = _select_alternative(found, words[1])
    turn = session.take_alternative(chosen, ends=ends_answer(chosen.token))
    return CommandResult("" if turn else "the answer ends here now; the old one stays in its branch", turn)


def decode_tokens(tokens: Sequence[Token]) -> str:
    """Return tokens as text, control tokens in ⟦ ⟧; a character may take several tokens."""
    parts = [b"\xe2\x9f\xa6" + t.bytes + b"\xe2\x9f\xa7" if t.control else t.bytes for t in tokens]
    return b"".join(parts).decode(errors="replace")


def _select_alternative(found: list[Alternative], text: str) -> Alternative:
    number = parse_number(text)
    if not 1 <= number <= len(found):
        raise UsageError(f"no alternative {number}: there are {len(found)}")
    return found[number - 1]


def _format_alternatives(found: list[Alternative], answer: list[Token], number: int) -> Iterator[str]:
    before = decode_tokens(answer[: number - 1])
    yield f"token {number} of {len(answer)}, after {before[-40:]!r}"
    for place, choice in enumerate(found, 1):
        mark = "  said" if choice.token.id == answer[number - 1].id else ""
        name = (
            f"{decode_tokens([choice.token])}, the end"
            if ends_answer(choice.token)
            else repr(decode_tokens([choice.token]))
        )
        yield f"{place:>3}  {choice.probability:>6.1%}  {name}{mark}"
    yield f"/alt {number} K continues from alternative K in a new branch"


def _split_messages(tokens: Sequence[Token]) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """Split a ChatML prompt into its messages; any other prompt stays whole."""
    starts = [n for n, token in enumerate(tokens) if token.control and token.bytes == IM_START.encode()]
    if not starts:
        yield f"the prompt, {len(tokens):,} tokens", tuple(tokens)
        return
    edges = [0, *starts, len(tokens)] if starts[0] else [*starts, len(tokens)]
    for begin, end in pairwise(edges):
        part = tuple(tokens[begin:end])
        head = b"".join(token.bytes for token in part[1:8] if not token.control)
        role = head.split(b"\n", 1)[0].decode(errors="replace")
        yield f"{role}, {len(part):,} tokens", part


def _wants_details(argument: str) -> bool:
    if argument not in ("", "ids"):
        raise UsageError(f"/prompt {argument}: write /prompt, or /prompt ids for ids and bytes")
    return argument == "ids"
