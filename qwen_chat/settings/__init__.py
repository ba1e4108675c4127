"""Settings: flag, then environment, then role, then config.toml, then the checkpoint's own defaults.

Each setting is one field of `Settings`; its `Spec` says what it means, what it is for and which values fit.
"""

from qwen_chat.settings.effective import EffectiveSetting, effective_settings
from qwen_chat.settings.fields import EMBEDDED_MODELS, HUBS, SPECS, Settings
from qwen_chat.settings.layers import (
    API_KEY_VARIABLE,
    PREFIX,
    VARIABLES,
    Layers,
    Source,
    config_path,
    flag_of,
    load_settings,
    read_layers,
)
from qwen_chat.settings.spec import ENGINES, Engine, Kind, Scope, Spec

__all__ = [
    "API_KEY_VARIABLE",
    "EMBEDDED_MODELS",
    "ENGINES",
    "HUBS",
    "PREFIX",
    "SPECS",
    "VARIABLES",
    "EffectiveSetting",
    "Engine",
    "Kind",
    "Layers",
    "Scope",
    "Settings",
    "Source",
    "Spec",
    "config_path",
    "effective_settings",
    "flag_of",
    "load_settings",
    "read_layers",
]
