"""Names of trials: a group and a label, as in "sizes/Tiny"."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

# Names of files that a study writes
RESERVED = ("best", "features", "learning_rate", "loss-by-size", "loss-by-strength", "loss-by-rows")
SIZES, REGULARIZERS, ROWS = "sizes", "regularizers", "rows"  # the groups that a growing plan adds to
RUN_NAME = re.compile(r"[\w.+ -]+(/[\w.+ -]+)*")


def size_name(units: tuple[int, ...]) -> str:
    """Return the hidden layers as part of a run's name.

    >>> size_name((16,)), size_name((64, 64, 64)), size_name((64, 32))
    ('16', '64x3', '64-32')
    """
    first, *others = units
    same = others and set(others) == {first}
    return f"{first}x{len(units)}" if same else "-".join(map(str, units))


def group_and_label(run: str) -> tuple[str, str]:
    """Split a run's name into its group and its label in the group. A name without "/" is both.

    >>> group_and_label("sizes/Tiny"), group_and_label("mine")
    (('sizes', 'Tiny'), ('mine', 'mine'))
    """
    group, _, label = run.partition("/")
    return group, label or group


def matches(run: str, pattern: str) -> bool:
    """Return whether a run's name matches a shell pattern, in capital or small letters.

    >>> matches("sizes/Tiny", "sizes/tiny"), matches("sizes/Tiny", "*/T*"), matches("sizes/Tiny", "better/*")
    (True, True, False)
    """
    return fnmatchcase(run.casefold(), pattern.casefold())


def figure_name(group: str) -> str:
    """Return the name, without ending, of the picture of a group of runs.

    >>> figure_name("my sizes")
    'my-sizes'
    """
    return re.sub(r"[^\w.-]+", "-", group).strip("-.") or "runs"


def check_run_name(name: str) -> None:
    """Raise ValueError if a trial can't have this name."""
    parts = name.split("/")
    if not RUN_NAME.fullmatch(name) or any(set(part) == {"."} for part in parts):
        raise ValueError(
            f"run name {name!r}: expected letters, digits, '_', '-', '+', '.' and spaces, in parts divided by '/', "
            "as in 'sizes/Tiny'"
        )
    if parts[0].casefold() in RESERVED or re.search(r"\.seed\d+$", name):
        raise ValueError(f"run name {name!r} would take the name of another file of the study; choose another")
