"""What a model predicts: one of two classes, one of several, or a number.

A task is plain data with everything in which the kinds differ: how the target's values become numbers, with which
of Keras' losses and metrics a model is compiled, what a row's loss is, and what outputs mean. The rest of gengap
asks the task and does not know the kinds. Targets are `y` (rows,) or, one-hot, (rows, classes) float32; outputs are
(..., rows, outputs).
"""

from gengap.tasks.classification import Binary, Multiclass, class_values, cross_entropies, roc_auc
from gengap.tasks.kinds import ALL_TASKS, BINARY, LOSSES, SCORES, TASKS, AnyTask, OwnLoss, task_of
from gengap.tasks.regression import LogScale, Regression, weighted_variance
from gengap.tasks.task import KerasSpec, Task

__all__ = [
    "ALL_TASKS",
    "BINARY",
    "LOSSES",
    "SCORES",
    "TASKS",
    "AnyTask",
    "Binary",
    "KerasSpec",
    "LogScale",
    "Multiclass",
    "OwnLoss",
    "Regression",
    "Task",
    "class_values",
    "cross_entropies",
    "roc_auc",
    "task_of",
    "weighted_variance",
]
