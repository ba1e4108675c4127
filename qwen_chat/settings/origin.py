"""What is in force, and which layer says so."""

from dataclasses import dataclass
from typing import Any

from qwen_chat import sampling
from qwen_chat.roles import Role, load_role
from qwen_chat.settings.fields import SPECS, Settings
from qwen_chat.settings.layers import Layer, Layers, Place

_DEFAULT = Place("default")


@dataclass(frozen=True, slots=True)
class InForce:
    """The value of a setting or a sampling parameter; None leaves the choice to the checkpoint."""

    name: str
    value: Any
    place: Place
    sampling: bool = False


def in_force(layers: Layers) -> list[InForce]:
    """Return every setting, then every sampling parameter, as a chat would begin with them.

    Raises: UsageError when the role cannot be read.
    """
    settings = layers.merged()
    role = load_role(settings.role) if settings.role else None
    stacked = _with_role(layers, role)
    chosen = [_setting(name, settings, stacked, role) for name in SPECS]
    params = settings.params(role)
    for name in sampling.NAMES:
        said = [layer for layer in stacked if getattr(layer.sampling, name) is not None]
        place = said[0].place(name) if said else _DEFAULT
        chosen.append(InForce(name, getattr(params, name), place, sampling=True))
    return chosen


def _setting(name: str, settings: Settings, stacked: list[Layer], role: Role | None) -> InForce:
    value = settings.system_prompt(role) if name == "system" else getattr(settings, name)
    said = [layer for layer in stacked if name in layer.values]
    return InForce(name, value, said[0].place(name) if said else _DEFAULT)


def _with_role(layers: Layers, role: Role | None) -> list[Layer]:
    below = [layers.file]
    if role is not None:
        place = Place("role", role.name)
        below.insert(0, Layer({"system": role.system}, role.sampling, lambda _: place))
    return [layers.flags, layers.environment, *below]
