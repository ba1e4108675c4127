"""`qwen-chat serve`: the API of OpenAI and Anthropic for other programs."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from threading import Thread
from typing import Any

import click

from qwen_chat.cli.address_flags import split
from qwen_chat.cli.flags import read_settings, setting_flags
from qwen_chat.cli.serve_flags import ServeFlags, serve_flags
from qwen_chat.cli.serving_process import print_fault, print_line, stop_signals, wait_for
from qwen_chat.errors import UsageError
from qwen_chat.model.base import ChatModel, wait_until_loaded
from qwen_chat.model.factory import open_model
from qwen_chat.model.state import Failed
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.serving import ApiServer
from qwen_chat.settings import flag_of

_OF_CONVERSATIONS = ("role", "user_name", "history")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@serve_flags
@setting_flags
def serve(**flags: Any) -> int:  # noqa: ANN401
    """Serve the API of OpenAI and Anthropic to other programs."""
    options, given = split(flags, ServeFlags)
    options.check()
    access, certificate = options.access(), options.certificate()
    _refuse_chat_settings(given)
    chosen = read_settings(given, system_file=None)
    with ExitStack() as stack:
        _, model = open_model(chosen, sys.stderr)
        stack.callback(model.close)
        models = {options.name or model.name: model}
        for name in options.also:
            _, other = open_model(replace(chosen, checkpoint_path=name), sys.stderr)
            stack.callback(other.close)
            if other.name in models:
                raise UsageError(f"--also {name}: there is a model of the name {other.name} already")
            models[other.name] = other
        server = ApiServer(
            models,
            options.server_name,
            options.server_port,
            access=access,
            defaults=Defaults(chosen.params(None), chosen.think, chosen.system_prompt(None)),
            certificate=certificate,
        )
        server.start()
        stack.callback(server.stop)
        stopped = stack.enter_context(stop_signals())
        Thread(target=_load, args=(model,), daemon=True).start()
        print_line(server.url)
        wait_for(stopped)
    return 0


def _refuse_chat_settings(given: Mapping[str, Any]) -> None:
    """Raise UsageError for a flag of conversations, which an API does not keep."""
    for name in _OF_CONVERSATIONS:
        if given[name] is not None:
            raise UsageError(f"{flag_of(name)} is for chats, which the API does not keep: leave it out")


def _load(model: ChatModel) -> None:
    """Load the model at once, and say here, too, when it cannot be loaded."""
    state = wait_until_loaded(model)
    if isinstance(state, Failed):
        print_fault(str(state.error))
