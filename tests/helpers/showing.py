"""Shows a scripted answer on its own terminal: `python showing.py FILE`, where FILE holds a script in JSON.

`deltas` are pairs of a kind ("text", "reasoning" or "wait") and text or seconds; `options` go to `show_turn`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from qwen_chat.history import Node
from qwen_chat.message import Delta, Message
from qwen_chat.observer import Observable
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.output.stream import show_turn


def main(path: str) -> None:
    """Show it, and say that it is done."""
    script = json.loads(Path(path).read_text(encoding="utf-8"))

    def work(cancel: Event) -> Iterator[Delta]:
        for kind, what in script["deltas"]:
            if kind == "wait":
                cancel.wait(what)
            if cancel.is_set():
                return
            if kind != "wait":
                yield Delta(**{kind: what})

    node = Node(Message("assistant", ""))
    turn = Turn(node, work, lambda *_: None, lambda _: None, Observable()).start()
    show_turn(turn, sys.stdout, **script["options"])
    sys.stdout.write("DONE\n")


if __name__ == "__main__":
    main(sys.argv[1])
