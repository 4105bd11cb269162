"""`study()` trains a plan's models on a table, compares them and recommends one.

`gengap.study` names this package and its main function, so the package can be called like the function.
"""

from __future__ import annotations

import sys
from types import ModuleType

from gengap.study.study import Study, study

__all__ = ["Study", "study"]


class _CallablePackage(ModuleType):
    """Make `gengap.study(...)` call the function after the package was imported."""

    __call__ = staticmethod(study)


sys.modules[__name__].__class__ = _CallablePackage
__doc__ = (study.__doc__ or "").partition(">>>")[0]  # what `help(gengap.study)` shows first
