"""Commands that show what the model reads and could have written, token by token."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from qwen_chat.commands.table import Outcome, TokenView, command, whole_number
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
    en="Show the exact prompt as tokens",
    zh="显示模型实际读到的提示词",
    words=("ids",),
)
def prompt(session: ChatSession, argument: str) -> Outcome:
    """Show the tokens the model reads to answer the last question, message by message."""
    tokens = require_tokens(session.model).encode(session.prompt(), session.prompt_options)
    control, left_out = sum(token.control for token in tokens), session.left_out
    limit = session.model.context_length
    lines = [f"{describe_context(len(tokens), limit)}, {control} of them control tokens"]
    if left_out:
        turns = "turn" if left_out == 1 else f"{left_out} turns"
        lines.append(f"left out, since the context is full: the oldest {turns}")
    return Outcome("\n".join(lines), tokens=TokenView(tuple(_by_message(tokens)), _detailed(argument)))


@command("tokens", usage="TEXT", en="Show a text as the model's tokens", zh="显示文本如何分词")
def tokens(session: ChatSession, argument: str) -> Outcome:
    """Show the tokens of a text."""
    if not argument:
        raise UsageError("write the text: /tokens Hello")
    model = require_tokens(session.model)
    # What a message adds to the prompt of an empty one is its text.
    whole, empty = (model.encode([Message("user", text)]) for text in (argument, ""))
    shared = next((n for n, (a, b) in enumerate(zip(whole, empty, strict=False)) if a != b), len(empty))
    found = whole[shared : shared + len(whole) - len(empty)]
    count = plural(len(found), "token")
    return Outcome(count, tokens=TokenView((("", tuple(found)),), detailed=True))


@command("alt", usage="[n [k]]", en="Show or take alternatives at token n", zh="查看第 n 个词元的其他可能")
def alt(session: ChatSession, argument: str) -> Outcome:
    """Show the last answer's tokens, the alternatives at one of them, or go on from an alternative."""
    said = answer_tokens(session)
    words = argument.split()
    if not words:
        view = TokenView((("the last answer", tuple(said)),), detailed=True)
        return Outcome("/alt N shows what else token N could have been", tokens=view)
    number = whole_number(words[0])
    found = list_alternatives(session, number - 1, _ALTERNATIVES)
    if len(words) == 1:
        return Outcome("\n".join(_listed(found, said, number)))
    chosen = _chosen(found, words[1])
    turn = session.take_alternative(chosen, ends=ends_answer(chosen.token))
    return Outcome("" if turn else "the answer ends here now; the old one stays in its branch", turn)


def spelled(tokens: Sequence[Token]) -> str:
    """Return tokens as text, control tokens in ⟦ ⟧; bytes are joined first: a character may take several."""
    parts = [b"\xe2\x9f\xa6" + t.bytes + b"\xe2\x9f\xa7" if t.control else t.bytes for t in tokens]
    return b"".join(parts).decode(errors="replace")


def _chosen(found: list[Alternative], text: str) -> Alternative:
    number = whole_number(text)
    if not 1 <= number <= len(found):
        raise UsageError(f"no alternative {number}: there are {len(found)}")
    return found[number - 1]


def _listed(found: list[Alternative], said: list[Token], number: int) -> Iterator[str]:
    before = spelled(said[: number - 1])
    yield f"token {number} of {len(said)}, after {before[-40:]!r}"
    for place, choice in enumerate(found, 1):
        mark = "  said" if choice.token.id == said[number - 1].id else ""
        name = (
            f"{spelled([choice.token])}, the end"
            if ends_answer(choice.token)
            else repr(spelled([choice.token]))
        )
        yield f"{place:>3}  {choice.probability:>6.1%}  {name}{mark}"
    yield f"/alt {number} K goes on from alternative K, in a branch of its own"


def _by_message(tokens: Sequence[Token]) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """Part a ChatML prompt into its messages; another prompt stays whole."""
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


def _detailed(argument: str) -> bool:
    if argument not in ("", "ids"):
        raise UsageError(f"/prompt {argument}: write /prompt, or /prompt ids for ids and bytes")
    return argument == "ids"
