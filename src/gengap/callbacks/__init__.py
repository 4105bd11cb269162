"""Verdicts while training: `Monitor` for Keras and any loop, and callbacks over it for other frameworks.

Importing this imports no framework. A callback imports its own when it is made.
"""

from __future__ import annotations

from gengap.callbacks.boosting import CatBoostMonitor, LightGBMMonitor, XGBoostMonitor
from gengap.callbacks.monitor import Monitor
from gengap.callbacks.network_monitors import LightningMonitor, SkorchMonitor, TrainerMonitor

__all__ = [
    "CatBoostMonitor",
    "LightGBMMonitor",
    "LightningMonitor",
    "Monitor",
    "SkorchMonitor",
    "TrainerMonitor",
    "XGBoostMonitor",
]
