"""Verdicts for people and scripts: the table with sparklines, the findings below it, and the JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec
import numpy as np
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import LogSummary, Parameter, Verdict
from gengap.text.catalog import ENGLISH, Message, catalog
from gengap.text.markup import part_means

SCHEMA = 2
MIN_NAME = 12  # characters of a run's name that stay in a narrow terminal
STYLES = {
    "underfit": "yellow",
    "good": "bold green",
    "near-overfit": "cyan",
    "overfit": "bold red",
    "inconclusive": "magenta",
}
COLUMNS = ("run", "verdict", "validation", "best", "onset", "rise %")
GAP = 2  # characters between columns
BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 12  # characters of a sparkline
WIDE = 110  # characters of a console with room for intervals


def sparkline(values: np.ndarray, width: int = WIDTH) -> str:
    """Return a curve in `width` characters, as means over equal parts; a gap where nothing is finite.

    >>> sparkline(np.array([3.0, 2.0, 1.0, 2.0]), 4)
    '█▅▁▅'
    """
    means = part_means(values, width)
    if not np.isfinite(means).any():
        return " " * len(means)
    low, span = np.nanmin(means), np.nanmax(means) - np.nanmin(means)
    heights = np.nan_to_num((means - low) / span if span > 0 else 0 * means, nan=-1.0)
    return "".join(" " if h < 0 else BLOCKS[round(h * (len(BLOCKS) - 1))] for h in heights.tolist())


def verdict_text(verdict: Verdict | None, between: str = " or ") -> Text:
    """Return a verdict with its probability, and the verdict that competes with an unlikely one."""
    if verdict is None:
        return Text("")
    if verdict.verdict == "inconclusive":
        return Text(verdict.verdict, style=STYLES[verdict.verdict])
    return Text(between).join(
        Text(f"{name} {share:.0%}", style=STYLES[name]) for name, share in verdict.with_runner_up
    )


def verdict_table(judged: Sequence[tuple[MetricCurves, Verdict]], width: int = 80) -> Table:
    """Return a table with a line for each run, for a console of `width` characters; wide ones show intervals."""
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True)
    cells = [_cells(curves, verdict, width >= WIDE) for curves, verdict in judged]
    plain = [[str(cell) for cell in row] for row in cells]
    widths = [max(map(cell_len, column)) for column in zip(COLUMNS[1:], *plain, strict=True)]
    room = max(width - sum(widths) - GAP * len(COLUMNS), MIN_NAME)
    names = shorten_all([verdict.run for _, verdict in judged], room)
    for name, row in zip(names, cells, strict=True):
        table.add_row(Text(name), *row)
    return table


def _cells(curves: MetricCurves, verdict: Verdict, wide: bool) -> tuple[Text | str, ...]:
    """Return a run's cells behind its name."""
    return (
        verdict_text(verdict),
        sparkline(curves.validation.values),
        "" if verdict.best_epoch is None else str(verdict.best_epoch),
        onset_text(verdict, wide),
        rise_text(verdict, wide),
    )


def shorten(name: str, room: int, *, group_first: bool = False) -> str:
    """Cut a name in the middle to `room` characters: its end tells runs apart, its start their group.

    With `group_first` the group before the last "/" is cut before the label behind it.

    >>> shorten("regularizers/large/dropout", 22), shorten("regularizers/combined", 18), shorten("sizes/Tiny", 12)
    ('regularizers/…/dropout', 'regul…ers/combined', 'sizes/Tiny')
    >>> [shorten("regularizers/l2 0.001 + dropout 0.5", room, group_first=True) for room in (30, 23)]
    ['regula…/l2 0.001 + dropout 0.5', 'l2 0.001 + dropout 0.5']
    >>> shorten("training_log_of_my_resnet.csv", 16), shorten("log.csv", 0)
    ('train…resnet.csv', '…')
    """
    if len(name) <= room:
        return name
    first, _, rest = name.partition("/")
    _, middle, last = rest.rpartition("/")
    if middle and first != "…" and len(whole := f"{first}/…/{last}") <= room:
        return whole
    if group_first:
        group, _, label = name.rpartition("/")
        if group and len(label) + 3 <= room:
            return f"{group[: room - len(label) - 2].rstrip('…/')}…/{label}"
        name = label or name
        if len(name) <= room:
            return name
    kept = max(room - 1, 0)
    head = kept // 3
    return f"{name[:head]}…{name[len(name) - (kept - head) :]}"


def shorten_all(names: Sequence[str], room: int) -> list[str]:
    """Cut names to `room` characters; folders that all of them share go first, because they tell nothing apart.

    If names are then equal, they are cut where the most of them differ.

    >>> shorten_all(["runs/shop/sizes/Tiny", "runs/euro/sizes/Tiny"], 18)
    ['…/shop/sizes/Tiny', '…/euro/sizes/Tiny']
    >>> shorten_all(["shop-quick:sizes/Tiny", "shop-quick-2:sizes/Tiny"], 16)
    ['s…ick:sizes/Tiny', 's…k-2:sizes/Tiny']
    """
    folders = zip(*(name.split("/")[:-1] for name in names), strict=False)
    shared = list(takewhile(lambda level: len(set(level)) == 1, folders))
    if shared and len(names) > 1 and any(len(name) > room for name in names):
        names = [f"…/{'/'.join(name.split('/')[len(shared) :])}" for name in names]
    cut = shorten_runs(names, room)
    if len(set(cut)) == len(set(names)):
        return cut
    tails = range(room - 2, 0, -1)
    others = ([_without_middle(name, room, tail) for name in names] for tail in tails)
    return max((cut, *others), key=lambda each: len(set(each)))


def _without_middle(name: str, room: int, tail: int) -> str:
    """Return a name of at most `room` characters; the last `tail` are those of its end."""
    head = name[: room - 1 - tail].rstrip("…/")
    return name if len(name) <= room else f"{head}…{name[len(name) - (tail if head else room - 1) :]}"


def shorten_runs(names: Sequence[str], room: int) -> list[str]:
    """Cut names to `room` characters, their groups first if the labels behind them tell all names apart.

    >>> shorten_runs(["sizes/Tiny", "regularizers/dropout"], 15)
    ['sizes/Tiny', 'regula…/dropout']
    >>> shorten_runs(["net_one/log.csv", "net_two/log.csv"], 14)
    ['net_…e/log.csv', 'net_…o/log.csv']
    """
    labels = {name.rpartition("/")[2] for name in names}
    return [shorten(name, room, group_first=len(labels) == len(set(names))) for name in names]


def onset_text(verdict: Verdict, interval: bool = True) -> str:
    """Return the onset, with its interval if requested; empty without an onset."""
    if verdict.onset_epoch is None or verdict.onset_interval is None:
        return ""
    low, high = verdict.onset_interval
    return f"{verdict.onset_epoch} [{low}, {high}]" if interval else str(verdict.onset_epoch)


def rise_text(verdict: Verdict, interval: bool = True) -> str:
    """Return the rise, with its interval if requested; empty without a rise."""
    if verdict.rise_percent is None:
        return ""
    low, middle, high = (value + 0.0 if abs(value) >= 0.05 else 0.0 for value in verdict.rise_percent)
    return f"{middle:.1f} [{low:.1f}, {high:.1f}]" if interval else f"{middle:.1f}"


def verdict_details(verdicts: Iterable[Verdict]) -> RenderableType:
    """Return each run's findings with their codes, and the advice."""
    texts: list[Text] = []
    for verdict in verdicts:
        name = Text(verdict.verdict, STYLES[verdict.verdict])
        text = Text.assemble(f"\n{verdict.run}: ", verdict_text(verdict) if verdict.runner_up else name)
        if verdict.read is not None:
            text.append(f"\n  {read_line(verdict.read)}", style="dim")
        text.append("".join(f"\n  - {finding} [{finding.code}]" for finding in verdict.findings))
        texts.append(text.append("".join(f"\n  > {advice}" for advice in verdict.advice)))
    return Group(*texts)


def read_line(read: LogSummary) -> str:
    """Return one line that says what was read of a log, so that a misreading is seen at once."""
    return str(Message("read-summary", msgspec.structs.asdict(read)))


def verdicts_json(answers: Sequence[Verdict | Mapping[str, str]]) -> bytes:
    """Return what `gengap diagnose --json` prints: verdicts, and {"run", "error"} for files that can't be read."""
    runs = [verdict_document(each) if isinstance(each, Verdict) else each for each in answers]
    return msgspec.json.format(msgspec.json.encode({"schema": SCHEMA, "runs": runs}), indent=2) + b"\n"


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON holds it: with the English texts of its findings and advice."""
    findings = [
        {
            "code": each.code,
            "severity": each.severity,
            "parameters": _in_english(each.parameters),
            "text": str(each),
        }
        for each in verdict.findings
    ]
    advice = [str(message) for message in verdict.advice]
    read = verdict.read and msgspec.structs.asdict(verdict.read) | {
        "notes": [str(note) for note in verdict.read.notes]
    }
    return msgspec.structs.asdict(verdict) | {"read": read, "findings": findings, "advice": advice}


def _in_english(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return parameters with the English text of those that are written in each language."""
    return {name: _english_text(value) for name, value in parameters.items()}


def _english_text(value: Parameter) -> Parameter:
    several = value if isinstance(value, tuple) else (value,)
    texts = any(isinstance(each, Message) for each in several)
    return catalog(ENGLISH).parameter_text(value) if texts and value is not None else value
