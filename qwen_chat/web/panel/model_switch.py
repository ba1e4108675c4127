"""Replaces a person's model: the new one loads while the old one goes on answering."""

from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from threading import Lock, Thread

from qwen_chat import i18n
from qwen_chat.errors import ModelError, SessionBusyError
from qwen_chat.model.base import ChatModel, wait_until_loaded
from qwen_chat.model.catalog.cache import StoredModel
from qwen_chat.model.factory import open_model
from qwen_chat.model.state import Failed, Loading
from qwen_chat.session.users import Person
from qwen_chat.settings import EMBEDDED_MODELS, Settings


class ModelSwitches:
    """Keeps the model switch of each person, so that all of their panels show the same one."""

    def __init__(self) -> None:
        self._switches: dict[str, ModelSwitch] = {}
        self._lock = Lock()

    def of(self, person: Person) -> "ModelSwitch":
        """Return a person's switch."""
        with self._lock:
            if person.name not in self._switches:
                self._switches[person.name] = ModelSwitch(person)
            return self._switches[person.name]


class ModelSwitch:
    """Replaces the model of one person; a model that cannot be loaded leaves the old one in its place."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._first = (person.settings, _resolved_checkpoint(person.model))
        self._lock = Lock()
        self._thread: Thread | None = None
        self.coming = ""
        """The name of the model that is being loaded, or ""."""
        self.fault = ""
        """Why the last one could not be loaded, or ""."""

    def take(self, stored: StoredModel) -> None:
        """Begin to load a model of this machine; once it is loaded, every conversation uses it.

        Raises: SessionBusyError while an answer is being written or a model loads; ModelLoadError.
        """
        with self._lock:
            self._check_idle()
            settings = self._settings(stored)
            _, model = open_model(settings, StringIO())
            model.name = _name(stored) or model.name
            self.coming, self.fault = model.name, ""
            self._thread = Thread(target=self._finish, args=(model, settings), name="take-model", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait until nothing is being loaded."""
        if self._thread is not None:
            self._thread.join()

    def _check_idle(self) -> None:
        current = self._person.model
        loading = self.coming or (current.name if isinstance(current.state, Loading) else "")
        if loading:
            raise SessionBusyError(f"{loading} is still loading: wait for it")
        if any(session.running is not None for session in self._person.sessions):
            raise SessionBusyError(i18n.Text("session.busy"))

    def _settings(self, stored: StoredModel) -> Settings:
        """Return the settings that the server was started with, without what belongs to one checkpoint."""
        settings, place = self._first
        if place is not None and place == _resolved(stored.path):
            return settings
        # By its path: a hub's name would ask the hub first.
        checkpoint = stored.checkpoint if stored.checkpoint in EMBEDDED_MODELS else str(stored.path)
        return replace(settings, checkpoint_path=checkpoint, revision=None, lora=(), draft=None)

    def _finish(self, model: ChatModel, settings: Settings) -> None:
        state = wait_until_loaded(model)
        if isinstance(state, Failed):
            self.coming, self.fault = "", state.error.text
            return
        old = self._person.model
        turns = self._person.use(model, settings)
        self.coming = ""
        for turn in turns:
            turn.wait()
        with suppress(ModelError):
            old.close()


def _name(stored: StoredModel) -> str:
    """Return a hub's name for a folder, whose own is a hash there; "" for one that has a name."""
    if not (stored.has_hub_name and stored.path.is_dir()):
        return ""
    return stored.checkpoint.partition(":")[0].rpartition("/")[2]


def _resolved_checkpoint(model: ChatModel) -> Path | None:
    return _resolved(model.checkpoint) if model.checkpoint is not None else None


def _resolved(path: Path) -> Path:
    with suppress(OSError, RuntimeError):
        return path.resolve()
    return path
