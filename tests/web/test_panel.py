"""The settings on the page: what a person does there reaches the conversation, or a line says why not."""

import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import urlencode

import one_model
import pytest
from hub import Hub, serve_hub
from hypothesis import given
from hypothesis import strategies as st
from pages import until
from places import DATA
from scripted import ScriptedModel

from qwen_chat import i18n
from qwen_chat.cli.web_flags import WebFlags
from qwen_chat.errors import ModelLoadError, SessionBusyError, UsageError
from qwen_chat.model.base import Capabilities, ChatModel, wait_until_loaded
from qwen_chat.model.catalog import embedded
from qwen_chat.model.catalog.cache import StoredModel, scan_huggingface_cache
from qwen_chat.model.catalog.locate import ModelLocation
from qwen_chat.model.factory import open_model
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.loading import LoadingModel
from qwen_chat.model.state import Ready
from qwen_chat.roles import Role, load_role, own_roles_dir, role_names
from qwen_chat.roles.lorebook import Lore, Lorebook
from qwen_chat.roles.role_form import RoleForm, delete_role, is_own_role, read_form, save_role
from qwen_chat.roles.role_writer import write_role
from qwen_chat.sampling import NAMES, SamplingParams
from qwen_chat.session.session import ChatSession
from qwen_chat.session.users import People, Person
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store
from qwen_chat.text import join_texts, split_texts
from qwen_chat.web.panel import gradio_stubs
from qwen_chat.web.panel import model_switch as models
from qwen_chat.web.panel.model_switch import ModelSwitch, ModelSwitches

if TYPE_CHECKING:
    import gradio as gr

    from qwen_chat.web.panel.context import PanelContext
    from qwen_chat.web.panel.model_events import ModelEvents


def asking(name: str = "", chat: str = "") -> "gr.Request":
    import gradio as gr
    from fastapi import Request

    address = Request({"type": "http", "headers": [], "query_string": urlencode({"chat": chat}).encode()})
    return gr.Request(address, name or None, "a tab")


def panel_of(people: People) -> "PanelContext":
    from qwen_chat.web.panel.context import PanelContext

    return PanelContext(people, "en")


def viewing(session: ChatSession) -> "gr.Request":
    return asking(chat=id_of(session))


DRAGGED = ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty")


def me() -> "gr.Request":
    return asking()


def gone() -> "gr.Request":
    return asking(chat="nothere")


@pytest.fixture
def people(model: LlamaCppModel, tmp_path: Path) -> Iterator[People]:
    """People with the real model, each with a store of their own."""
    settings = Settings(sampling=SamplingParams(top_k=30))
    found = People(lambda name: Person(name, model, settings, Store(tmp_path / f"{name}.db")))
    yield found
    found.close()


@pytest.fixture
def panel(people: People) -> "PanelContext":
    return panel_of(people)


@pytest.fixture
def session(people: People) -> ChatSession:
    return people[""].begin()


def model_events(panel: "PanelContext") -> "ModelEvents":
    from qwen_chat.web.panel.model_events import ModelEvents

    return ModelEvents(panel, ModelSwitches())


def id_of(session: ChatSession) -> str:
    return session.history.id


def value(update: Any) -> Any:
    return update["value"] if isinstance(update, dict) else update


# Sampling


def test_a_changed_parameter_counts_from_the_next_answer_on(
    panel: "PanelContext", session: ChatSession
) -> None:
    from qwen_chat.web.panel.settings_events import Parameter

    longest = Parameter("max_new_tokens", panel)
    _, button, line = longest.change(4, viewing(session))
    assert (button["interactive"], line) == (True, "")
    node = session.send("Tell me about the Moon.").wait()
    assert node.answer is not None
    assert node.answer.finish_reason == "length"
    assert node.answer.usage is not None
    assert node.answer.usage.completion_tokens == 4
    control, button, line = longest.reset(viewing(session))
    assert session.params.max_new_tokens is None
    assert (control["value"], button["interactive"], line) == (1024, False, "")
    assert button["value"].endswith(": 1,024")


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("temperature", 9, "temperature=9: must be from 0 to 5"),
        ("top_k", -1, "top_k=-1: must be from 0 to 1000000"),
        ("top_k", 1.5, "top_k=1.5: must be a whole number from 0 to 1000000"),
        ("top_p", "high", "top_p=high: must be a number from 0 to 1"),
        ("seed", 2**40, "seed=1099511627776: must be from 0 to 4294967294"),
        ("max_new_tokens", 0, "max_new_tokens=0: must be from 1 to 10000000"),
        ("temperature", [], "must be a number"),
        ("temperature", True, "must be a number"),
        ("stop", "a\ud800", "stop is not valid Unicode"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line_and_changes_nothing(
    panel: "PanelContext", session: ChatSession, name: str, given: object, told: str
) -> None:
    from qwen_chat.web.panel.context import escape_markdown
    from qwen_chat.web.panel.settings_events import Parameter

    before = session.params
    parameter = Parameter(name, panel)
    control, _, line = parameter.change(given, viewing(session))
    assert escape_markdown(told) in line
    assert len(line.splitlines()) == 1
    assert session.params == before
    assert control["value"] == parameter.show(session)[0]["value"]


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_is_only_passed_through_stays_at_its_default(
    panel: "PanelContext", session: ChatSession, name: str
) -> None:
    from qwen_chat.web.panel.settings_events import Parameter

    before = session.params
    parameter = Parameter(name, panel)
    shown = parameter.show(session)[0]["value"]
    parameter.change(shown, viewing(session))
    parameter.change(None if shown is None else shown, viewing(session))
    assert session.params == before


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DRAGGED])
def test_an_emptied_field_goes_back_to_the_default(
    panel: "PanelContext", session: ChatSession, name: str
) -> None:
    from qwen_chat.web.panel.settings_events import Parameter

    parameter = Parameter(name, panel)
    parameter.change("END" if name == "stop" else 7, viewing(session))
    assert getattr(session.params, name) is not None
    parameter.change("" if name == "stop" else None, viewing(session))
    assert getattr(session.params, name) is None


def test_stop_texts_are_lines(panel: "PanelContext", session: ChatSession) -> None:
    from qwen_chat.web.panel.settings_events import Parameter

    stop = Parameter("stop", panel)
    stop.change("User:\n\\n\\n\nC:\\\\dir", viewing(session))
    assert session.params.stop == ("User:", "\n\n", "C:\\dir")
    assert stop.show(session)[0]["value"] == "User:\n\\n\\n\nC:\\\\dir"


@given(st.lists(st.text(st.sampled_from("ab\\nr\n\r "), min_size=1)))
def test_texts_come_back_from_lines(texts: list[str]) -> None:
    assert split_texts(join_texts(texts)) == tuple(texts)


def test_all_of_it_goes_back_to_how_the_chat_began(panel: "PanelContext", people: People) -> None:
    from qwen_chat.web.panel.settings_events import Parameter, Sampling

    role = Role("hot", "Hot", "Be hot.", sampling=SamplingParams(temperature=1.5))
    session = people[""].begin(role)
    for name, new in (("temperature", 0.1), ("top_k", 5), ("seed", 3)):
        Parameter(name, panel).change(new, viewing(session))
    shown = Sampling(panel).reset(viewing(session))
    assert session.params == SamplingParams(temperature=1.5, top_k=30)
    controls = dict(zip(NAMES, shown[::2], strict=False))
    assert controls["temperature"]["value"] == 1.5
    assert controls["seed"]["value"] is None
    assert shown[-1] == ""


def test_another_chat_is_shown_with_its_own(panel: "PanelContext", people: People) -> None:
    from qwen_chat.web.panel.settings_events import Parameter, Sampling

    first, second = people[""].begin(), people[""].begin()
    Parameter("temperature", panel).change(0.5, viewing(first))
    events = Sampling(panel)
    assert events.show(viewing(first))[0]["value"] == 0.5
    assert events.show(viewing(second))[0]["value"] == 0.2


def test_every_parameter_has_limits_and_words() -> None:
    from qwen_chat.web.panel.settings_events import LIMITS, SLIDERS

    assert set(LIMITS) == set(NAMES) - {"stop"}
    assert set(SLIDERS) == set(DRAGGED) <= set(LIMITS)
    assert {f"sampling.{name}" for name in LIMITS} == set(i18n.codes("sampling."))


def test_a_chat_that_is_gone_is_told(panel: "PanelContext") -> None:
    from qwen_chat.web.panel.role_events import RoleEvents
    from qwen_chat.web.panel.settings_events import Parameter, Sampling, System, Thinking

    for line in (
        Sampling(panel).show(gone())[-1],
        Parameter("seed", panel).change(1, gone())[-1],
        System(panel).apply("x", gone()),
        Thinking(panel).choose("on", gone()),
        model_events(panel).show(gone())[-1],
        RoleEvents(panel).play("pirate", gone()),
    ):
        assert "conversation" in line
        assert len(line.splitlines()) == 1


def test_before_a_chat_is_in_view_nothing_is_told(panel: "PanelContext") -> None:
    from qwen_chat.web.panel.settings_events import Sampling, System

    assert Sampling(panel).show(me())[-1] == ""
    assert System(panel).show(me()) == ("", "")
    assert System(panel).apply("x", me()) == ""
    assert model_events(panel).show(me())[-1] == ""


def test_gradio_writes_nothing_when_it_is_imported() -> None:
    from gradio import component_meta

    assert component_meta.create_or_modify_pyi.__module__ == gradio_stubs.__name__


# What an open panel is told


def test_only_what_changed_is_sent(panel: "PanelContext", people: People) -> None:
    import gradio as gr

    from qwen_chat.web.panel.settings_events import Sampling, System
    from qwen_chat.web.panel.updates import PanelUpdates

    first, second = people[""].begin(), people[""].begin()
    sampling, system = Sampling(panel), System(panel)
    updates = PanelUpdates(panel, (sampling, system), (len(sampling.show(me())), len(system.show(me()))))

    def changed(session: ChatSession) -> list[Any]:
        return [each for each in updates.update(viewing(session)) if each != gr.skip()]

    assert changed(first)
    assert changed(first) == []
    first.configure(SamplingParams(temperature=0.7))
    assert changed(first)[0]["value"] == 0.7
    first.set_system("Be brief.")
    assert changed(first) == ["Be brief.", ""]
    assert changed(second)
    assert changed(second) == []


def test_what_a_person_sets_here_is_not_sent_back(panel: "PanelContext", session: ChatSession) -> None:
    import gradio as gr

    from qwen_chat.web.panel.settings_events import Parameter, Sampling
    from qwen_chat.web.panel.updates import PanelUpdates

    sampling = Sampling(panel)
    updates = PanelUpdates(panel, (sampling,), (len(sampling.show(me())),))
    updates.update(viewing(session))
    Parameter("temperature", panel).change(0.3, viewing(session))
    assert all(each == gr.skip() for each in updates.update(viewing(session)))
    assert updates.update(gone())[-1] != gr.skip()
    assert updates.update(gone())[-1] == gr.skip()


# System prompt and reasoning


def test_a_system_prompt_counts_from_the_next_answer_on(panel: "PanelContext", session: ChatSession) -> None:
    from qwen_chat.web.panel.settings_events import System

    events = System(panel)
    assert events.show(viewing(session)) == (embedded.SMALL.system_prompt, "")
    assert events.apply("Be brief.", viewing(session)).endswith("answer 1.")
    assert session.system_prompt == "Be brief."
    session.configure(SamplingParams(max_new_tokens=3))
    session.send("Hello").wait()
    assert events.apply("Be a pirate.\n\n  Indented.", viewing(session)).endswith("answer 2.")
    assert events.show(viewing(session))[0] == "Be a pirate.\n\n  Indented."
    events.apply("", viewing(session))
    assert session.system_prompt == ""


def test_a_system_prompt_that_cannot_be_is_refused(panel: "PanelContext", session: ChatSession) -> None:
    from qwen_chat.web.panel.settings_events import System

    events = System(panel)
    assert "too long" in events.apply("x" * 400_001, viewing(session))
    assert "not valid Unicode" in events.apply("a\ud800", viewing(session))
    turn = session.send("Write a long story.")
    assert "an answer is still being written" in events.apply("Be brief.", viewing(session))
    turn.stop()
    turn.wait()
    assert session.system_prompt == embedded.SMALL.system_prompt


def test_reasoning_is_chosen(panel: "PanelContext", session: ChatSession) -> None:
    from qwen_chat.web.panel.context import escape_markdown
    from qwen_chat.web.panel.settings_events import Thinking

    assert Thinking(panel).choose("off", viewing(session)) == ""
    assert session.think == "off"
    assert escape_markdown("must be one of auto, on, off") in Thinking(panel).choose(
        "maybe", viewing(session)
    )
    assert session.think == "off"


# Two people


def test_nobody_reaches_the_chat_of_another(panel: "PanelContext", people: People) -> None:
    from qwen_chat.web.panel.settings_events import Parameter

    of_ann = people["ann"].begin()
    for name in ("bob", ""):
        line = Parameter("temperature", panel).change(1.0, asking(name, id_of(of_ann)))[-1]
        assert "conversation" in line
    assert of_ann.params.temperature is None
    Parameter("temperature", panel).change(1.0, asking("ann", id_of(of_ann)))
    assert of_ann.params.temperature == 1.0


def test_what_is_shared_is_not_changed_by_one_of_several(panel: "PanelContext") -> None:
    from qwen_chat.web.panel.role_events import RoleEvents

    ann = asking("ann")
    roles, events = RoleEvents(panel), model_events(panel)
    _, editor, line = roles.show(ann)
    assert editor["visible"] is False
    assert "everyone on this server shares the roles" in line
    for refused in (
        roles.save(None, "mine", "T", "S", "", "", "", ann)[-1],
        roles.delete("pirate", ann)[-1],
        roles.import_card(str(DATA / "cards"), ann)[-1],
        events.take("x", ann)[-1],
        events.list_models(ann)[-1],
    ):
        assert "everyone" in refused
    assert not own_roles_dir().exists()
    assert events.show(ann)[3]["visible"] is False


# Roles


FORM = RoleForm(
    "tide", "Tide expert", "You know tides.", "Ahoy!", "Why two?\n\n How high? ", "temperature=0.5\nstop=END"
)


def saved(form: RoleForm, was: str = "") -> Role:
    return save_role(form, was)


def test_a_role_is_made_read_and_changed() -> None:
    role = saved(FORM)
    assert load_role("tide") == role
    assert role.examples == ("Why two?", "How high?")
    assert role.sampling == SamplingParams(temperature=0.5, stop=("END",))
    form = read_form("tide")
    assert form == replace(FORM, examples="Why two?\nHow high?")
    saved(replace(form, title="Tides", sampling=""), "tide")
    assert load_role("tide").title == "Tides"
    assert load_role("tide").sampling == SamplingParams()


def test_what_the_form_has_no_field_for_stays() -> None:
    lore = Lorebook((Lore("The harbour is deep.", ("harbour",)),))
    write_role(replace(saved(FORM), lorebook=lore, character="Tia", use="role play"), "tide")
    role = saved(replace(read_form("tide"), system="New."), "tide")
    assert (role.lorebook, role.character, role.use, role.system) == (lore, "Tia", "role play", "New.")


def test_a_role_gets_another_name() -> None:
    saved(FORM)
    saved(replace(FORM, name="tides"), "tide")
    assert not is_own_role("tide")
    assert is_own_role("tides")


def test_a_built_in_role_is_copied_and_stays() -> None:
    form = read_form("pirate")
    assert form.name == "pirate-copy"
    saved(form, "pirate")
    copy, original = load_role("pirate-copy"), load_role("pirate")
    assert replace(copy, name="pirate") == original
    assert read_form("pirate").name == "pirate-copy-2"
    with pytest.raises(UsageError, match="pirate is built in"):
        saved(replace(form, name="pirate"), "pirate")
    with pytest.raises(UsageError, match="only those can be deleted"):
        delete_role("pirate")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "../x"}, "only small letters, digits, - and _ can be in it"),
        ({"name": "a/b"}, "only small letters"),
        ({"name": "a\0"}, "only small letters"),
        ({"name": ".hidden"}, "only small letters"),
        ({"name": ""}, "only small letters"),
        ({"name": "Ä"}, "only small letters"),
        ({"name": "x" * 200}, "only small letters"),
        ({"name": "pirate"}, "there is a role pirate already: choose another name"),
        ({"title": " "}, "a role needs a title: write one"),
        ({"system": ""}, "a role needs a system prompt: write one"),
        ({"title": "a\x1b[31m"}, "title must be one line of plain text"),
        ({"system": "a\ud800"}, "the system is not valid Unicode"),
        ({"greeting": "x" * 100_001}, "the greeting is longer than 100,000 characters"),
        ({"sampling": "temperature=hot"}, "'hot' is not a number"),
        ({"sampling": "heat=1"}, "unknown parameter 'heat'"),
        ({"sampling": "temperature"}, "write it as temperature=VALUE"),
    ],
)
def test_roles_that_cannot_be_kept(changes: dict[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        saved(replace(FORM, **changes))
    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert not list(tmp_path.rglob("*.toml"))


@given(name=st.text(max_size=30))
def test_no_name_leaves_the_folder(name: str) -> None:
    folder = own_roles_dir()
    try:
        role = saved(replace(FORM, name=name))
    except UsageError:
        return
    assert (folder / f"{role.name}.toml").parent == folder
    delete_role(role.name)


def test_the_form_is_filled_saved_and_emptied(panel: "PanelContext") -> None:
    from qwen_chat.web.panel.role_events import RoleEvents

    events = RoleEvents(panel)
    listed, editor, line = events.show(me())
    assert ("Bess Corrigan, pirate captain", "pirate") in listed["choices"]
    assert (editor["visible"], line) == (True, "")
    *_, delete, line = events.fill("pirate", me())
    assert delete["interactive"] is False
    assert "built in" in line
    listed, delete, line = events.save(None, "tide", "Tide *x*", "You know tides.", "", "", "", me())
    assert ("★ Tide *x*", "tide") in listed["choices"]
    assert (listed["value"], delete["interactive"]) == ("tide", True)
    assert line.endswith(r"Tide \*x\*")
    listed, name, *_, line = events.delete("tide", me())
    assert (listed["value"], name) == (None, "")
    assert "tide" not in role_names()
    assert "only those can be deleted" in events.delete("tide", me())[-1]


def test_cards_become_roles(panel: "PanelContext", tmp_path: Path) -> None:
    from qwen_chat.web.panel.context import escape_markdown
    from qwen_chat.web.panel.role_events import RoleEvents

    card = tmp_path / "Tia.json"
    card.write_text(
        json.dumps({
            "spec": "chara_card_v2",
            "data": {"name": "Tia", "description": "A sailor.", "group_only_greetings": ["Hi all."]},
        })
    )  # fmt: skip
    events = RoleEvents(panel)
    for name in ("tia", "tia-2"):
        listed, filled, title, *_, line = events.import_card(str(card), me())
        assert (listed["value"], filled, title) == (name, name, "Tia")
        assert escape_markdown("left out: 1 greeting for group chats") in line
        assert load_role(name).title == "Tia"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "x.json: it is not JSON"),
        (b"{}", "x.json: it is JSON, but no character card"),
        (b"\xff\xd8\xff", "x.json: the picture holds no character"),
        (b"", "x.json: it is neither a picture nor JSON"),
        (b" " * (16 * 2**20 + 1), "x.json is larger than 16 MiB"),
    ],
)
def test_bad_cards_are_refused_in_a_line(
    panel: "PanelContext", tmp_path: Path, data: bytes, told: str
) -> None:
    from qwen_chat.web.panel.context import escape_markdown
    from qwen_chat.web.panel.role_events import RoleEvents

    card = tmp_path / "x.json"
    card.write_bytes(data)
    line = RoleEvents(panel).import_card(str(card), me())[-1]
    assert line.startswith(escape_markdown(told))
    assert len(line.splitlines()) == 1
    assert str(tmp_path) not in line.replace("\\", "")


def test_a_chat_begins_in_a_role(panel: "PanelContext", session: ChatSession) -> None:
    from qwen_chat.web.panel.context import escape_markdown
    from qwen_chat.web.panel.role_events import RoleEvents

    events, before = RoleEvents(panel), id_of(session)
    assert events.play(None, asking(chat=before)) == "choose a role first"
    assert escape_markdown("unknown role 'pirat'") in events.play("pirat", asking(chat=before))
    assert events.play("pirate", asking(chat=before)) == ""
    assert session.role is not None
    assert session.role.name == "pirate"
    assert id_of(session) != before


# Models


def test_settings_do_not_wait_for_a_model(tmp_path: Path) -> None:
    import gradio as gr

    from qwen_chat.web.panel.settings_events import Parameter, Sampling, System

    never = threading.Event()

    def load() -> ChatModel:
        never.wait()
        raise ModelLoadError("given up")

    slow = LoadingModel("slow", load)
    slow.start_loading()
    people = People(lambda name: Person(name, slow, Settings(), Store(tmp_path / "chats.db")))
    panel = panel_of(people)
    session = people[""].begin()
    state, think, used, *_ = model_events(panel).show(viewing(session))
    assert state["value"] == "slow"
    assert "is loading" in state["info"]
    assert (think["visible"], value(used)) == (False, "")
    assert Sampling(panel).show(viewing(session))[0] == gr.update(interactive=False)
    assert Parameter("seed", panel).change(1, viewing(session))[-1] == ""
    assert session.params.seed is None
    assert System(panel).show(viewing(session)) == ("", "")
    assert "slow is still loading" in _refused(people, embedded.SMALL.key)
    never.set()


def _refused(people: People, checkpoint: str) -> str:

    with pytest.raises(SessionBusyError) as refused:
        ModelSwitch(people[""]).take(StoredModel(checkpoint, embedded.find(embedded.SMALL) or Path()))
    return str(refused.value)


def test_what_was_set_at_the_start_is_said_with_its_place(
    model: LlamaCppModel, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config" / "qwen-chat").mkdir(parents=True)
    (home / "config" / "qwen-chat" / "config.toml").write_text("# mine\nctx_size = 4096\n")
    monkeypatch.setenv("QWEN_CHAT_THREADS", "2")
    settings = Settings(ctx_size=4096, threads=2, parallel=3, lora=("<b>x</b>.gguf",))
    people = People(lambda name: Person(name, model, settings, None))
    said = model_events(panel_of(people)).started_with(me()).replace("\\", "")
    assert "**ctx_size** 4096 · config.toml, line 2" in said
    assert "**threads** 2 · QWEN_CHAT_THREADS" in said
    assert "**parallel** 3 · --parallel" in said
    assert "**kv_cache** auto · default" in said
    assert "**lora**" in said
    assert "dtype" not in said
    assert str(home) not in said


@pytest.fixture
def cache(tmp_path: Path, small_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache with a model that works, and one whose weights are of no known kind."""
    hub = tmp_path / "hub"
    good, bad = (hub / f"models--own--{name}" / "snapshots" / "1" for name in ("good", "bad"))
    for folder in (good, bad):
        folder.mkdir(parents=True)
    shutil.copy(small_path, good / "good.gguf")
    data = small_path.read_bytes()
    (bad / "bad.gguf").write_bytes(data.replace(b"llama", b"xlama"))
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    return hub


@pytest.fixture(params=["small"])
def opened(tmp_path: Path, small_path: Path, request: pytest.FixtureRequest) -> Iterator[People]:
    """One person, with a model of their own that may be closed: the demo model where answers are to last."""
    checkpoint = str(small_path) if request.param == "small" else embedded.SMALL.key
    settings = Settings(checkpoint_path=checkpoint, threads=1, ctx_size=2048)
    _, model = open_model(settings, io.StringIO())
    assert isinstance(wait_until_loaded(model), Ready)
    found = People(lambda name: Person(name, model, settings, Store(tmp_path / "own.db")))
    yield found
    found.close()
    found[""].model.close()


def stored(name: str) -> StoredModel:
    return next(each for each in scan_huggingface_cache() if name in each.path.name)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What a model waits for before it is loaded."""
    opens = threading.Event()

    def open_gated(settings: Settings, progress: TextIO) -> tuple[ModelLocation, LoadingModel]:
        located, model = open_model(settings, progress)

        def load() -> ChatModel:
            opens.wait()
            return model.loaded()

        return located, LoadingModel(model.name, load, model.checkpoint)

    monkeypatch.setattr(models, "open_model", open_gated)
    return opens


def test_another_model_takes_over_all_chats(opened: People, cache: Path, gate: threading.Event) -> None:
    from qwen_chat.web.panel.context import escape_markdown
    from qwen_chat.web.panel.model_events import ModelEvents

    panel = panel_of(opened)
    switches = ModelSwitches()
    events = ModelEvents(panel, switches)
    first, second = opened[""].begin(), opened[""].begin()
    listed, line = events.list_models(me())
    assert line == ""
    named = dict(listed["choices"])
    label = next(label for label in named if "good" in label)
    assert "8 MB" in label
    assert "fit" in label
    told = []
    old = opened[""].model
    with first.changes.subscribe(lambda: told.append(first.model.name)):
        *_, line = events.take(named[label], viewing(first))
        assert "is loading in the background" in line
        assert (
            escape_markdown("good is still loading: wait for it")
            in events.take(named[label], viewing(first))[-1]
        )
        assert first.model is old
        gate.set()
        switches.of(opened[""]).wait()
    assert first.model is second.model is opened[""].model is not old
    assert first.model.name == "good"
    assert told[-1] == "good"
    assert opened[""].begin().model.name == "good"
    state, *_, line = events.show(viewing(first))
    assert (state["value"], line) == ("good", "")
    assert first.model.context_length == 2048
    first.configure(SamplingParams(max_new_tokens=3))
    answered = first.send("Hello").wait()
    assert answered.answer is not None
    assert (answered.answer.model, answered.answer.finish_reason) == ("good", "length")


def test_a_model_that_cannot_be_loaded_leaves_the_old_one(opened: People, cache: Path) -> None:

    session, taking = opened[""].begin(), ModelSwitch(opened[""])
    old = opened[""].model
    taking.take(stored("bad"))
    taking.wait()
    assert taking.coming == ""
    assert "bad" in taking.fault
    assert len(taking.fault.splitlines()) == 1
    assert session.model is opened[""].model is old
    session.configure(SamplingParams(max_new_tokens=2))
    assert session.send("Hello").wait().message.content
    cut = stored("bad").path
    cut.write_bytes(cut.read_bytes()[:1000])
    with pytest.raises(ModelLoadError):
        taking.take(StoredModel(str(cut), cut))
    assert taking.coming == ""


@pytest.mark.parametrize("opened", ["demo"], indirect=True)
def test_no_model_is_taken_while_an_answer_is_written(opened: People, cache: Path) -> None:

    session, taking = opened[""].begin(), ModelSwitch(opened[""])
    turn = session.send("Write a long story about the sea.")
    with pytest.raises(SessionBusyError, match="an answer is still being written: wait for it, or stop it"):
        taking.take(stored("good"))
    turn.stop()
    turn.wait()


@pytest.mark.parametrize("opened", ["demo"], indirect=True)
def test_an_answer_begun_while_loading_ends_with_the_old_model(
    opened: People, cache: Path, gate: threading.Event
) -> None:

    session, taking = opened[""].begin(), ModelSwitch(opened[""])
    old = opened[""].model
    taking.take(stored("good"))
    session.configure(SamplingParams(max_new_tokens=80, seed=1))
    turn = session.send("Write a story about the sea.")
    gate.set()
    after = sum(bool(delta.text) and session.model is not old for delta in turn)
    taking.wait()
    assert after
    assert turn.error is None
    node = turn.wait()
    assert node.answer is not None
    assert node.answer.model == old.name


def test_a_faulty_model_may_be_replaced(cache: Path) -> None:
    from qwen_chat.web.panel.model_events import ModelEvents

    def fail() -> LlamaCppModel:
        raise ModelLoadError("no memory")

    broken = LoadingModel("broken", fail)
    wait_until_loaded(broken)
    people = People(lambda name: Person(name, broken, Settings(threads=1, ctx_size=2048), None))
    switches = ModelSwitches()
    events = ModelEvents(panel_of(people), switches)
    session = people[""].begin()
    state, *_, line = events.show(viewing(session))
    assert "cannot be used" in state["info"]
    assert line == "no memory"
    events.take(str(stored("good").path), viewing(session))
    switches.of(people[""]).wait()
    assert session.model.name == "good"
    session.model.close()


@pytest.fixture
def hub(tmp_path: Path, small_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the one model of the catalogue."""
    one_model.write_catalogue(tmp_path / "models.toml", small_path.read_bytes(), monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    with serve_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def test_fetching_is_stopped_and_goes_on(opened: People, hub: Hub, small_path: Path) -> None:
    from qwen_chat.web.panel.context import escape_markdown
    from qwen_chat.web.panel.model_events import ModelEvents

    data = small_path.read_bytes()
    hub.put(one_model.REPOSITORY, one_model.FILE_NAME, data)
    hub.slow_from = len(data) // 2
    switches = ModelSwitches(may_fetch=True)
    events, switch = ModelEvents(panel_of(opened), switches), switches.of(opened[""])
    value = dict(events.list_models(me())[0]["choices"][-1:])
    *_, line = events.take(next(iter(value.values())), me())
    assert escape_markdown("tiny is being fetched: ") in line
    assert escape_markdown("tiny is still being fetched: wait for it") in events.take("name:tiny", me())[-1]
    until(lambda: re.search(r": [45] MB of 8 MB", switch.notice) is not None)
    events.stop_fetching(me())
    switch.wait()
    assert (switch.coming, switch.fetching) == ("", False)
    assert "what has arrived stays" in events.show(me())[-1].replace("\\", "")
    hub.release.set()
    hub.asked.clear()
    events.take("name:tiny", me())
    switch.wait()
    assert (switch.fault, opened[""].model.name) == ("", "tiny")
    assert min(start for _, start in hub.asked[1:]) >= 3 * 10**6, "it began anew"


def test_a_model_that_cannot_be_fetched_leaves_the_old_one(opened: People, hub: Hub) -> None:
    from qwen_chat.web.panel.model_events import ModelEvents

    switches = ModelSwitches(may_fetch=True)
    events, old = ModelEvents(panel_of(opened), switches), opened[""].model
    events.take("name:tiny", me())
    switches.of(opened[""]).wait()
    said = events.show(me())[-1].replace("\\", "")
    assert said.startswith("tiny cannot be fetched (Hugging Face: it answers 404")
    assert len(said.splitlines()) == 1
    assert opened[""].model is old


def test_nothing_is_fetched_where_that_is_not_allowed(opened: People, hub: Hub) -> None:
    from qwen_chat.web.panel.model_events import ModelEvents

    events = ModelEvents(panel_of(opened), ModelSwitches())
    assert not any("tiny" in label for label, _ in events.list_models(me())[0]["choices"])
    assert "models are not fetched on this page" in events.take("name:tiny", me())[-1]
    assert hub.asked == []


@pytest.mark.parametrize("flags", [{"public": True}, {"root_path": "/chat"}, {"auth": ("a:b",)}, {}])
def test_only_a_page_of_this_machine_alone_fetches(flags: dict[str, Any]) -> None:
    standard = {each.name: None for each in fields(WebFlags)}
    assert WebFlags(**{**standard, **flags}).is_private is not bool(flags)


@pytest.mark.parametrize("thinks", [True, False])
def test_reasoning_is_offered_where_a_model_has_it(thinks: bool) -> None:
    model = ScriptedModel("x")
    model.capabilities = Capabilities(thinking=thinks)
    people = People(lambda name: Person(name, model, Settings(think="on"), None))
    think = model_events(panel_of(people)).show(viewing(people[""].begin()))[1]
    assert (think["visible"], think["value"]) == (thinks, "on")


def test_the_context_in_use_is_shown(panel: "PanelContext", session: ChatSession) -> None:
    events = model_events(panel)
    assert events.show(viewing(session))[2]["value"] == "0 / 8,192"
    session.configure(SamplingParams(max_new_tokens=2))
    usage = session.send("Hello").wait().answer.usage  # type: ignore[union-attr]
    assert usage is not None
    assert events.show(viewing(session))[2]["value"] == f"{usage.context_tokens:,} / 8,192"


# Words


@pytest.fixture(scope="module")
def escape_markdown() -> Callable[[str], str]:
    """The function, imported before hypothesis looks at the clock."""
    from qwen_chat.web.panel.context import escape_markdown

    return escape_markdown


@given(text=st.text(st.sampled_from("a*_`<>[]()!#$\\|~&\n\x1b")))
def test_lines_show_any_text_as_it_is(text: str, escape_markdown: Callable[[str], str]) -> None:
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark", {"html": False}).renderInline(escape_markdown(text))
    assert "<a" not in shown
    assert "<img" not in shown
    assert "<em" not in shown
