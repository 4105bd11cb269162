"""What a study trains: `Trial`, `Recipe` and `Plan`, three frozen values that read and write TOML.

The whole plan is checked before anything is read or trained: a mistake in it fails in the first second of a study
and not after an hour. Importing this package loads neither JAX nor Keras.
"""

from gengap.plan.added_trials import Growth
from gengap.plan.run_names import REGULARIZERS, ROWS, SIZES, figure_name, group_and_label
from gengap.plan.study_plan import Plan
from gengap.plan.trial import Size, Trial
from gengap.train.recipe import Recipe

__all__ = [
    "REGULARIZERS",
    "ROWS",
    "SIZES",
    "Growth",
    "Plan",
    "Recipe",
    "Size",
    "Trial",
    "figure_name",
    "group_and_label",
]
