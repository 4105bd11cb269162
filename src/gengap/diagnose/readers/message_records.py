"""Records whose text is a line of a log: downloads of a cloud's log service, CSV exports of one, journalctl.

{"timestamp": "...", "textPayload": "epoch 1 val_loss=0.5", "severity": "INFO", ...}

The lines are read as console text. Services list the newest record first, so records are put in the order of time,
if their times are numbers, dates of ISO 8601, or clocks on one date. Otherwise the order of the file counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from gengap.diagnose.metric_names import assign
from gengap.diagnose.readers.console import read_console
from gengap.diagnose.readers.log_table import LogTable, joined_words
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.run_curves import Log

MESSAGES = ("textpayload", "message", "msg", "log", "body", "raw", "text", "line", "event")
TIMES = ("timestamp", "realtime_timestamp", "time", "ts", "asctime", "datetime", "date", "eventtime")

CLOCK = re.compile(r"(?<!\d)\d\d:\d\d:\d\d(?:[.,]\d+)?")


def read_records(table: LogTable) -> list[Log]:
    """Return the runs in a table: those of its columns, or those of the lines that one of them holds.

    Raises DataError as `read_log_table` does.
    """
    places = set(table.roles().values())
    if not assign(name for name in table.columns if name not in places) and (texts := _messages(table)):
        logs = read_console(["\n".join([*texts, ""])], table.file)
        if any(log.history.series for log in logs):
            return logs
    return read_log_table(table)


def _messages(table: LogTable) -> list[str]:
    """Return the lines in the column of messages, the oldest first."""
    cells = _column(table, MESSAGES)
    if not cells or not any(isinstance(cell, str) and " " in cell.strip() for cell in cells):
        return []
    texts = ["" if cell is None else str(cell).rstrip("\r\n") for cell in cells]
    times = [cell for cell in _column(table, TIMES) if cell is not None]
    return texts[::-1] if times and _is_later(times[0], times[-1]) else texts


def _is_later(one: object, other: object) -> bool:
    """Return whether a time is later than another; False if they can't be compared.

    >>> _is_later("10.5", "9.5"), _is_later("2024-05-02", "2024-05-01"), _is_later("9/28/2024", "10/31/2024")
    (True, True, False)
    >>> _is_later("May 1, 2024 @ 10:01:00", "May 1, 2024 @ 10:00:00"), _is_later("23:59:00", "00:01:00")
    (True, False)
    """
    for parse in (float, _timestamp):
        try:
            return parse(str(one)) > parse(str(other))
        except ValueError:
            continue
    ends = [CLOCK.search(str(time)) for time in (one, other)]
    (a, date), (b, day) = ((found[0], found.string[: found.start()]) if found else ("", "") for found in ends)
    return a > b and date == day and any(map(str.isdigit, date))


def _timestamp(text: str) -> float:
    """Return the seconds of a date of ISO 8601, in UTC unless it names a zone.

    Raises ValueError for other texts.
    """
    date = datetime.fromisoformat(text.strip().removesuffix(" UTC").replace("/", "-"))
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _column(table: LogTable, known: Sequence[str]) -> Sequence[object]:
    """Return the cells of the first column of a known name, or whose name ends in it: jsonPayload/message."""
    names = {joined_words(name.rpartition("/")[2]): name for name in reversed(list(table.columns))}
    return next((table.columns[names[name]] for name in known if name in names), ())
