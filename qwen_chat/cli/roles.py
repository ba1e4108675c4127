"""`qwen-chat roles`: list, show, import and test roles."""

import json
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qwen_chat.cli import value_completion
from qwen_chat.cli.flags import read_settings, setting_flags
from qwen_chat.cli.progress_line import print_progress
from qwen_chat.errors import UsageError
from qwen_chat.roles import Role, all_roles, load_role, own_roles_dir, role_path
from qwen_chat.settings import Settings
from qwen_chat.text import strip_controls

if TYPE_CHECKING:
    from qwen_chat.evaluation.role_probes import Verdict


@click.group(invoke_without_command=True)
@click.pass_context
def roles(context: click.Context) -> int:
    """List, show, import and test roles."""
    return 0 if context.invoked_subcommand else int(context.invoke(list_roles))


@roles.command("list")
def list_roles() -> int:
    """List all roles; a * marks your own."""
    found, problems = all_roles()
    width = max((len(role.name) for role in found), default=0)
    for role in found:
        own = role_path(role.name).parent == own_roles_dir()
        _print(f"{'*' if own else ' '} {role.name:<{width}}  {role.title}")
    for problem in problems:
        sys.stderr.write(f"{strip_controls(problem)}\n")
    return 2 if problems else 0


@roles.command()
@click.argument("name", shell_complete=value_completion.complete_roles)
def show(name: str) -> int:
    """Show the texts of a role and the path of its file."""
    role = load_role(name)
    _print(role.title)
    _print(str(role_path(name)))
    _print(f"\n{role.system}")
    for number, greeting in enumerate(role.greetings, 1):
        _print(f"\ngreeting {number}: {greeting}")
    for entry in role.lorebook.entries:
        off = "" if entry.enabled else " (switched off)"
        _print(f"\nlore on {', '.join(entry.keys)}{off}: {entry.text}")
    for probe in role.probes:
        _print(f"\nprobe {probe.name}: {' / '.join(probe.say)}")
    return 0


@roles.command("import")
@click.argument("card")
@click.option("--name", help="the name of the role; default: from the card")
@click.option("--overwrite", is_flag=True, help="replace a role of that name")
def import_role(card: str, name: str | None, *, overwrite: bool) -> int:
    """Make a role from a character card of version 1, 2 or 3, as JSON or a picture."""
    from qwen_chat.roles.card_import import import_card

    _print(import_card(Path(card).expanduser(), name, overwrite=overwrite).summary)
    return 0


@roles.command()
@click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", shell_complete=value_completion.complete_roles
)
@click.option(
    "--json", "as_json", is_flag=True, help="print a line of JSON for each probe instead of a table"
)
@setting_flags
def test(names: tuple[str, ...], *, as_json: bool, **flags: Any) -> int:  # noqa: ANN401
    """Run the probes of roles on a model; the exit code is 1 when an answer fails a probe."""
    if flags["role"] is not None or flags["system"] is not None:
        raise UsageError("a role is tested under its own system prompt: leave out --role and --system")
    chosen = read_settings(flags, system_file=None)
    tested = [_load_with_probes(name).fill_names(chosen.user_name) for name in dict.fromkeys(names)]
    total = sum(len(role.probes) for role in tested)
    verdicts: list[Verdict] = []
    stopped = False
    try:
        with closing(_run_probes(tested, chosen)) as coming:
            for verdict in coming:
                verdicts.append(verdict)
                _print_verdict(verdict, len(verdicts), total, as_json=as_json)
    except KeyboardInterrupt:
        stopped = True
    if not as_json and verdicts:
        from qwen_chat.terminal.output.role_table import print_role_table

        print_role_table(verdicts, plain=chosen.plain)
    if stopped:
        sys.stderr.write(f"stopped after {len(verdicts)} of {total}\n")
        return 130
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _load_with_probes(name: str) -> Role:
    role = load_role(name)
    if not role.probes:
        raise UsageError(f"the role {name} has no probes: write some under [[probes]] in {role_path(name)}")
    return role


def _run_probes(roles: list[Role], chosen: Settings) -> Generator["Verdict", None, None]:
    from qwen_chat.evaluation.role_probes import run_probes
    from qwen_chat.model.base import PromptOptions
    from qwen_chat.model.factory import open_model

    _, loading = open_model(chosen, sys.stderr)
    with closing(loading.loaded()) as model:
        for role in roles:
            options = PromptOptions(think=chosen.think)
            yield from run_probes(model, role, chosen.params(role), options)


def _print_verdict(verdict: "Verdict", done: int, total: int, *, as_json: bool) -> None:
    if as_json:
        runs = [asdict(run) for run in verdict.runs]
        line = {"role": verdict.role, "probe": verdict.probe.name, "passed": verdict.passed, "runs": runs}
        sys.stdout.write(f"{json.dumps(line)}\n")
        sys.stdout.flush()
    else:
        print_progress("tested", done, total)


def _print(text: str) -> None:
    sys.stdout.write(f"{strip_controls(text)}\n")
