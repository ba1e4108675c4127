"""Replaces a person's model: the new one is fetched and loads while the old one goes on answering."""

from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from threading import Lock, Thread

from qwen_chat import i18n
from qwen_chat.errors import ModelError, SessionBusyError, as_load_error
from qwen_chat.model.base import ChatModel, wait_until_loaded
from qwen_chat.model.catalog.cache import StoredModel
from qwen_chat.model.catalog.fetch_known import check_memory, fetch_known
from qwen_chat.model.catalog.known_models import Variant, find_known
from qwen_chat.model.catalog.machine import read_machine_memory
from qwen_chat.model.factory import open_model
from qwen_chat.model.state import Failed, Loading
from qwen_chat.session.users import Person
from qwen_chat.settings import EMBEDDED_MODELS, Settings
from qwen_chat.web.panel.fetch_progress import FetchProgress, FetchStoppedError


class ModelSwitches:
    """Keeps the model switch of each person, so that all of their panels show the same one.

    `may_fetch` is whether people may fill the disk with models from the hubs.
    """

    def __init__(self, *, may_fetch: bool = False) -> None:
        self.may_fetch = may_fetch
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
        self._progress: FetchProgress | None = None
        self.coming = ""
        """The name of the model that is being fetched or loaded, or ""."""
        self.fault = ""
        """Why the last one could not be fetched or loaded, or ""."""

    @property
    def fetching(self) -> bool:
        """Whether a model is being fetched."""
        return self._progress is not None

    @property
    def notice(self) -> str:
        """What happens now, or "" when nothing does."""
        if (progress := self._progress) is not None:
            return progress.text
        return i18n.Text("panel.loading_in_background", model=self.coming) if self.coming else ""

    def take(self, stored: StoredModel) -> None:
        """Begin to load a model of this machine; once it is loaded, every conversation uses it.

        Raises: SessionBusyError while an answer is being written or a model loads; ModelLoadError.
        """
        with self._lock:
            self._check_idle()
            model, settings = self._open(stored)
            self.coming, self.fault = model.name, ""
            self._thread = Thread(target=self._finish, args=(model, settings), name="take-model", daemon=True)
            self._thread.start()

    def fetch(self, variant: Variant) -> None:
        """Begin to fetch a model of the catalogue; it is loaded once it is here and no answer is written.

        Raises: SessionBusyError while a model is fetched or loads; ModelLoadError when memory cannot hold it.
        """
        with self._lock:
            self._check_no_other()
            check_memory(variant, self._first[0].ctx_size or variant.context, read_machine_memory())
            self.coming, self.fault = variant.name, ""
            self._progress = FetchProgress(variant.name, variant.size)
            self._thread = Thread(
                target=self._fetch, args=(variant, self._progress), name="fetch-model", daemon=True
            )
            self._thread.start()

    def stop_fetching(self) -> None:
        """Stop to fetch a model; what has arrived stays, and choosing it again goes on from there."""
        if (progress := self._progress) is not None:
            progress.stop()

    def wait(self) -> None:
        """Wait until nothing is being fetched or loaded."""
        if self._thread is not None:
            self._thread.join()

    def _fetch(self, variant: Variant, progress: FetchProgress) -> None:
        try:
            path = fetch_known(variant, progress, context=self._first[0].ctx_size)
            self._progress = None
            for session in self._person.sessions:
                if (turn := session.running) is not None:
                    turn.wait()
            model, settings = self._open(StoredModel(variant.name, path))
        except FetchStoppedError:
            self._give_up(i18n.Text("panel.fetching_stopped", model=variant.name))
        except Exception as error:  # noqa: BLE001 - whatever it is, the panels must hear of it
            self._give_up(as_load_error(error, f"{variant.name} cannot be fetched").text)
        else:
            self._finish(model, settings)

    def _give_up(self, fault: str) -> None:
        self._progress, self.coming, self.fault = None, "", fault

    def _open(self, stored: StoredModel) -> tuple[ChatModel, Settings]:
        settings = self._settings(stored)
        _, model = open_model(settings, StringIO())
        model.name = _name(stored) or model.name
        return model, settings

    def _check_no_other(self) -> None:
        if self.fetching:
            raise SessionBusyError(i18n.Text("panel.still_fetching", model=self.coming))
        current = self._person.model
        loading = self.coming or (current.name if isinstance(current.state, Loading) else "")
        if loading:
            raise SessionBusyError(f"{loading} is still loading: wait for it")

    def _check_idle(self) -> None:
        self._check_no_other()
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
            self._give_up(state.error.text)
            return
        old = self._person.model
        turns = self._person.use(model, settings)
        self.coming = ""
        for turn in turns:
            turn.wait()
        with suppress(ModelError):
            old.close()


def _name(stored: StoredModel) -> str:
    """Return a model's name in the catalogue, or a hub's for a folder, whose own is a hash; "" for others."""
    if stored.checkpoint not in EMBEDDED_MODELS and find_known(stored.checkpoint) is not None:
        return stored.checkpoint
    if not (stored.has_hub_name and stored.path.is_dir()):
        return ""
    return stored.checkpoint.partition(":")[0].rpartition("/")[2]


def _resolved_checkpoint(model: ChatModel) -> Path | None:
    return _resolved(model.checkpoint) if model.checkpoint is not None else None


def _resolved(path: Path) -> Path:
    with suppress(OSError, RuntimeError):
        return path.resolve()
    return path
