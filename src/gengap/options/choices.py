"""The values that an option, a plan or a result may have, where it is one of a few names."""

from __future__ import annotations

from typing import Literal

TaskName = Literal["binary", "multiclass", "regression"]
OnBadRow = Literal["fail", "skip"]
ClassWeight = Literal["balanced"]
ColumnKind = Literal["category", "number", "text", "date", "drop"]
Preparation = Literal["raw", "standardise"]
Stop = Literal["patience", "verdict"]
BackendName = Literal["dask", "ray"]
VerdictName = Literal["underfit", "good", "near-overfit", "overfit", "inconclusive"]
