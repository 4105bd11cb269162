"""gengap tells whether a model underfits, fits or overfits, how sure that is, and what to do about it.

Importing this loads neither JAX nor Keras, and sets the backend that Keras will run on: import it before Keras.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gengap.models.backend import choose_backend
from gengap.models.jax_settings import bound_worker_threads

if TYPE_CHECKING:
    from gengap import callbacks, models
    from gengap.check import check
    from gengap.check.result import CheckResult
    from gengap.data.dataset import Dataset, load
    from gengap.data.sources.source import ingest
    from gengap.diagnose import diagnose
    from gengap.diagnose.verdict import Verdict
    from gengap.errors import GengapError
    from gengap.estimators import GengapClassifier, GengapRegressor
    from gengap.history import History
    from gengap.plan import Plan, Trial
    from gengap.prediction import predict
    from gengap.presets import load_plan
    from gengap.study import Study, study
    from gengap.train.fitting import fit

_HOMES = {
    "CheckResult": "gengap.check.result",
    "Dataset": "gengap.data.dataset",
    "GengapClassifier": "gengap.estimators",
    "GengapError": "gengap.errors",
    "GengapRegressor": "gengap.estimators",
    "History": "gengap.history",
    "Plan": "gengap.plan",
    "Study": "gengap.study",
    "Trial": "gengap.plan",
    "Verdict": "gengap.diagnose.verdict",
    "callbacks": "gengap.callbacks",
    "check": "gengap.check",
    "diagnose": "gengap.diagnose",
    "fit": "gengap.train.fitting",
    "ingest": "gengap.data.sources.source",
    "load": "gengap.data.dataset",
    "load_plan": "gengap.presets",
    "models": "gengap.models",
    "predict": "gengap.prediction",
    "study": "gengap.study",
}

__all__ = [
    "CheckResult",
    "Dataset",
    "GengapClassifier",
    "GengapError",
    "GengapRegressor",
    "History",
    "Plan",
    "Study",
    "Trial",
    "Verdict",
    "callbacks",
    "check",
    "diagnose",
    "fit",
    "ingest",
    "load",
    "load_plan",
    "models",
    "predict",
    "study",
]
__version__ = "0.2.0"

choose_backend()
bound_worker_threads()


def __getattr__(name: str) -> object:
    """Import a public name's module at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gengap' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    value = module if _HOMES[name] == f"gengap.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return [*__all__, "__version__"]
