"""The first text of turn 20 in a chat of 3,000 tokens, and the tokens that were read for it."""

from itertools import count
from statistics import median

from benchmarks import bare, ours
from benchmarks.measure import Result, apart, compared, one_pair
from benchmarks.peer import BareChat
from benchmarks.quiet import quietly
from benchmarks.watch import Watched
from qwen_chat.model.llamacpp import LlamaCppModel

CHATS = 7
TURNS = 20
TOKENS = 48
DIARY = (
    "Day {day} of my travel diary, chat {chat}. We left the village early in the morning and walked along "
    "the river until the path turned into the forest. At noon we met two fishermen, who gave us bread and "
    "told us about the old bridge. In the evening it rained, so we stayed at a small inn near the market "
    "and wrote letters to our friends at home. Tomorrow we want to climb the hill behind the church. What "
    "should we take with us?"
)
LAST = "And what should we do when it rains again?"


def measure() -> list[Result]:
    return apart(_measure)


def _measure() -> list[Result]:
    server = bare.open_server(str(ours.model_path()))
    with ours.opened_model() as model:
        numbers = count()
        pairs = [quietly(lambda: _chat(model, server, next(numbers))) for _ in range(CHATS)]
    first = [(a.first_seconds * 1000, b.first_seconds * 1000) for a, b in pairs]
    length = median(a.prompt_tokens for a, _ in pairs)
    read = [f"{median(side.read_tokens for side in sides):g}" for sides in zip(*pairs, strict=True)]
    remark = f", {length:,} tokens, of which {' / '.join(read)} are read"
    return [compared("first token of turn 20", first, 1.1, "ms", remark=remark)]


def _chat(model: LlamaCppModel, server: object, number: int) -> tuple[Watched, Watched]:
    """Hold both chats side by side, turn by turn, and return their last turns."""
    peer = BareChat(server, TOKENS)
    with ours.opened_session(model, TOKENS) as session:

        def turn(question: str) -> tuple[Watched, Watched]:
            return one_pair(
                lambda: ours.ask(session, question), lambda: peer.ask(question), bare_first=number % 2 == 1
            )

        for day in range(1, TURNS):
            turn(DIARY.format(day=day, chat=number))
        return turn(LAST)
