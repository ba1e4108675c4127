"""Settings: flag, then environment, then role, then config.toml, then the checkpoint's own defaults.

Each setting is one field of `Settings`: its description there serves the flags, the environment and the file.
"""

from qwen_chat.settings.fields import (
    ATTENTIONS,
    DTYPES,
    HUBS,
    KV_CACHE_TORCH,
    KV_CACHE_TYPES,
    QUANTIZATIONS,
    SPECS,
    THINKING,
    Settings,
)
from qwen_chat.settings.layers import PREFIX, VARIABLES, Layers, Place, config_path, load, read_layers
from qwen_chat.settings.origin import InForce, in_force
from qwen_chat.settings.spec import Kind, Spec

__all__ = [
    "ATTENTIONS",
    "DTYPES",
    "HUBS",
    "KV_CACHE_TORCH",
    "KV_CACHE_TYPES",
    "PREFIX",
    "QUANTIZATIONS",
    "SPECS",
    "THINKING",
    "VARIABLES",
    "InForce",
    "Kind",
    "Layers",
    "Place",
    "Settings",
    "Spec",
    "config_path",
    "in_force",
    "load",
    "read_layers",
]
