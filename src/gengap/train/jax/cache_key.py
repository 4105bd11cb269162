"""What decides a model's program, as text: models of equal structure share one."""

from __future__ import annotations

import json
from typing import Any

from gengap.models.backend import keras
from gengap.models.keras_internals import all_layers, weight_decays
from gengap.models.layers import TreatedSequential

KNOWN = ("keras", "builtins", "gengap")  # packages whose layers are what their configurations say


def cache_key(model: keras.Model) -> str:
    """What decides a model's program: its configuration without seeds, and without names where they say nothing.

    Two models share a program only if all their parts are Keras' or gengap's own: a custom layer's or function's
    configuration need not say all that it does.
    """
    try:
        config = _without_seeds(keras.saving.serialize_keras_object(model))
    except (NotImplementedError, TypeError, ValueError):  # a model that can't be saved can still be trained
        return str(id(model))
    # What a layer adapted to, as Normalization does, is no variable and stands in no configuration.
    own = _only_known(config) and not any(hasattr(layer, "adapt") for layer in all_layers(model))
    config["compile_config"]["optimizer"]["config"].pop("name", None)
    config["decayed"] = _decayed(model)
    if type(model) in (keras.Sequential, TreatedSequential):  # elsewhere names tell how layers are connected
        for part in (config, *config["config"]["layers"]):
            part["config"].pop("name", None)
    text = json.dumps(config, sort_keys=True, default=repr)
    return text if own else f"{text} {id(model)}"


def _without_seeds(config: Any) -> Any:
    if isinstance(config, dict):
        return {k: _without_seeds(v) for k, v in config.items() if k != "seed"}
    return [_without_seeds(v) for v in config] if isinstance(config, (list, tuple)) else config


def _decayed(model: keras.Model) -> list[bool]:
    """Which variables' weights decay: the optimizer's configuration doesn't say what it leaves out."""
    if model.optimizer.weight_decay is None:
        return []
    return [weight_decays(model.optimizer, v) for v in model.trainable_variables]


def _only_known(config: Any) -> bool:
    if isinstance(config, dict):
        module = config.get("module")
        if "class_name" in config and (module is None or str(module).split(".")[0] not in KNOWN):
            return False
        if config.get("class_name") in ("function", "__lambda__"):
            return False
        return all(map(_only_known, config.values()))
    return all(map(_only_known, config)) if isinstance(config, list) else True
