"""The value of each setting that is in force, and the layer that it comes from."""

from dataclasses import dataclass
from typing import Any

from qwen_chat import sampling
from qwen_chat.roles import Role, load_role
from qwen_chat.settings.fields import SPECS, Settings
from qwen_chat.settings.layers import Layer, Layers, Source

_DEFAULT = Source("default")


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """The value of a setting or a sampling parameter; None leaves the choice to the checkpoint."""

    name: str
    value: Any
    source: Source
    sampling: bool = False


def effective_settings(layers: Layers) -> list[EffectiveSetting]:
    """Return every setting, then every sampling parameter, as a new chat gets them.

    Raises: UsageError when the role cannot be read.
    """
    settings = layers.merge()
    role = load_role(settings.role) if settings.role else None
    stack = _add_role_layer(layers, role)
    found = [_find_setting(name, settings, stack, role) for name in SPECS]
    return found + [_find_parameter(name, settings, stack, role) for name in sampling.NAMES]


def _find_setting(name: str, settings: Settings, stack: list[Layer], role: Role | None) -> EffectiveSetting:
    value = settings.system_prompt(role) if name == "system" else getattr(settings, name)
    layer = next((layer for layer in stack if name in layer.values), None)
    return EffectiveSetting(name, value, layer.source_of(name) if layer else _DEFAULT)


def _find_parameter(name: str, settings: Settings, stack: list[Layer], role: Role | None) -> EffectiveSetting:
    value = getattr(settings.params(role), name)
    layer = next((layer for layer in stack if getattr(layer.sampling, name) is not None), None)
    return EffectiveSetting(name, value, layer.source_of(name) if layer else _DEFAULT, sampling=True)


def _add_role_layer(layers: Layers, role: Role | None) -> list[Layer]:
    """Return the layers, the highest first; a role stands above the file."""
    if role is None:
        return [layers.flags, layers.environment, layers.file]
    source = Source("role", role.name)
    role_layer = Layer({"system": role.system}, role.sampling, lambda _: source)
    return [layers.flags, layers.environment, role_layer, layers.file]
