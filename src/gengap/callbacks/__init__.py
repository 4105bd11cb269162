"""Verdicts while training: `Monitor`, for Keras' `fit` on any backend and for any other loop."""

from __future__ import annotations

from gengap.callbacks.monitor import Monitor

__all__ = ["Monitor"]
