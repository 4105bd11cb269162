"""Console text: one law over every form, real logs, and texts that are no training logs."""

from __future__ import annotations

import csv
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnose.console_forms import FORMS, Form
from diagnose.curves_expected import LOGS
from diagnose.other_texts import OTHER_TEXTS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gengap.diagnose import metric_names
from gengap.diagnose.readers import literals, read
from gengap.diagnose.readers.console import (
    collector,
    forms,
    line_values,
    phrases,
    read_console,
    screen,
    table_reader,
    template,
)
from gengap.diagnose.readers.console import number_forms as log_numbers
from gengap.diagnose.readers.console.screen import Line, clean, screen_text
from gengap.diagnose.readers.console.template import Template
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import GengapError, UsageError

sre, sre_parse = import_module("re._constants"), import_module("re._parser")
CASES = list(csv.DictReader((LOGS / "console" / "expected.csv").read_text(encoding="utf-8").splitlines()))
LOSS = st.floats(0.0001, 99).map(lambda value: round(value, 4))
LOSSES = st.lists(st.tuples(LOSS, LOSS), min_size=4, max_size=12).filter(
    lambda losses: {validation for _, validation in losses} != {1.0}  # as if it was not computed
)
NOISE = (
    "",
    "/usr/lib/python3.11/site-packages/torch/nn/modules/lazy.py:180: UserWarning: Lazy modules are a new feature",
    "  warnings.warn('lr_scheduler.step() was called before optimizer.step()')",
    "W0000 00:00:1712345678.123456    1234 gpu_device.cc:2344] Cannot dlopen some GPU libraries",
    "| N/A   45C    P0    52W /  70W |   3021MiB / 15360MiB |     98%      Default |",
    "batch_size: 32, learning_rate: 0.001, dropout: 0.5",
    "Model saved to runs/exp3/model_12.pt",
    "학습을 계속합니다. 잠시 기다려 주세요.",
    "正在保存模型到 output/ 目录",
    "Downloading: 100%|██████████| 45.0M/45.0M [00:01<00:00, 30.1MB/s]",
    "\x1b[33mwandb\x1b[0m: Network error (ConnectTimeout), entering retry loop.",
)


def written(form: Form, train: list[float], validation: list[float], noise: list[str], newline: str) -> str:
    lines = [line.format(n=len(train)) for line in form.before]
    for i, (t, v) in enumerate(zip(train, validation, strict=True)):
        values = {"t": f"{t:.4f}", "v": f"{v:.4f}", "a": f"{0.5 + i / 40:.4f}", "b": f"{0.4 + i / 50:.4f}"}
        lines += [line.format(e=i + 1, n=len(train), **values) for line in form.lines]
        if noise and i:  # a table begins in one piece
            lines.append(noise[i % len(noise)])
    return newline.join([*lines, *(line.format() for line in form.after), ""])


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=12, deadline=None)
@example(losses=[(2.0, 99.0), (3.0, 0.0001), (1.0, 99.0), (2.0, 99.0)], noise=[], size=4000, crlf=False)
@example(losses=[(0.0001, 99.0), (99.0, 99.0), (99.0, 0.0001), (0.0001, 0.0001)], noise=[], size=4000, crlf=False)
@given(
    losses=LOSSES, noise=st.lists(st.sampled_from(NOISE), max_size=3), size=st.integers(7, 4000), crlf=st.booleans()
)
def test_every_form_is_read_back(
    form: str, losses: list[tuple[float, float]], noise: list[str], size: int, crlf: bool
) -> None:
    train, validation = map(list, zip(*losses, strict=True))
    text = written(FORMS[form], train, validation, noise, "\r\n" if crlf else "\n")
    (log,) = read_console([text[i : i + size] for i in range(0, len(text), size)], "log")
    found = choose_curves(log)
    assert found.validation.values.tolist() == validation
    if not FORMS[form].scores:
        assert found.train is not None and found.train.values.tolist() == train


@pytest.mark.parametrize("form", FORMS)
def test_a_text_that_is_cut_off_gives_a_part_of_the_values(form: str) -> None:
    values = [round(0.9 - i / 30, 4) for i in range(8)]
    text = written(FORMS[form], values, values, [], "\n")
    for end in range(len(text) * 3 // 5, len(text), 7):
        (log,) = read_console([text[:end]], "log")
        found = choose_curves(log).validation.values.tolist()
        assert found == values[: len(found)], text[:end][-80:]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_real_logs(case: dict[str, str]) -> None:
    (log,) = read(LOGS / "console" / case["file"])
    found = choose_curves(log)
    assert (found.metric, found.train_column or "") == (case["validation"], case["train"])
    values = found.validation.values
    assert [len(values), values[0], values[-1]] == [int(case["points"]), float(case["first"]), float(case["last"])]


def test_train_only_logs_say_how_to_log_validation() -> None:
    (log,) = read(LOGS / "console" / "train-only.jsonl")
    with pytest.raises(UsageError, match=r"there is no validation curve. In MMDetection and MMCV, add"):
        choose_curves(log)


@pytest.mark.parametrize("name", OTHER_TEXTS)
def test_no_verdict_on_what_is_no_training_log(name: str, tmp_path: Path) -> None:
    text, path = OTHER_TEXTS[name], tmp_path / "some.log"
    head, repeated = (
        text.split("\n", 1) if text.count("{i}") and "{i}" not in text.split("\n", 1)[0] else ("", text)
    )
    lines = "".join(repeated.replace("{i}", str(i)) for i in range(10, 40))
    path.write_text(f"{head}\n{lines}" if head else lines, encoding="utf-8")
    with pytest.raises(GengapError):
        for log in read(path):
            choose_curves(log)


def test_a_line_that_is_written_over_is_shown_in_each_state() -> None:
    shown = list(screen_text(["a\rb", "\rc\r\nd\x08\x08e\n", "f"]))
    lines = [line for line in shown if isinstance(line, Line)]
    assert len(lines) == len(shown)
    assert "".join(line.text for line in lines) == "abcdef"
    assert [line.overwritten for line in lines] == [True, True, False, True, False, False]
    assert [line.open_end for line in lines] == [False, False, False, False, False, True]
    assert clean("\x1b[1m5/8\x1b[0m \x1b[32m━━━━\x1b[0m loss: 0.5") == "5/8 ==== loss: 0.5"


@pytest.mark.parametrize(
    "bar", ["0%|          |", "7%|7         | 7/99", "45%|####5     |", "100%|| 3/20", "90%|█████", "50% |-----|"]
)
def test_the_percent_before_a_bar_is_no_value(bar: str) -> None:
    assert "%" not in screen.without_bars(clean(f"val acc: {bar}"))


def patterns() -> dict[str, re.Pattern[str]]:
    """All patterns of the modules that read text."""
    modules = (
        forms,
        line_values,
        literals,
        log_numbers,
        metric_names,
        phrases,
        screen,
        table_reader,
        template,
    )
    held = {f"{module.__name__}.{name}": each for module in modules for name, each in vars(module).items()}
    return {name: each for name, each in held.items() if isinstance(each, re.Pattern)}


def repeats_in_repeats(parsed: Any, inside: bool = False) -> bool:
    """Whether something is repeated without limit inside of another such repetition, which may never end.

    A repetition that begins with a sign of its own, such as a comma, is none: it can be cut in one way only.
    """
    return any(_repeats(kind, value, inside) for kind, value in parsed)


def _repeats(kind: Any, value: Any, inside: bool) -> bool:
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        unlimited = value[1] is sre.MAXREPEAT
        first = value[2][0][0] if len(value[2]) else None
        return (inside and unlimited) or repeats_in_repeats(value[2], unlimited and first is not sre.LITERAL)
    if kind is sre.SUBPATTERN:
        return repeats_in_repeats(value[3], inside)
    return kind is sre.BRANCH and any(repeats_in_repeats(branch, inside) for branch in value[1])


@pytest.mark.parametrize("name", patterns())
def test_no_pattern_repeats_repetitions(name: str) -> None:
    pattern = patterns()[name]
    allowed = {
        "NUMBER",
        "VALUE",
        "PAIR",
        "LIST",
        "LOGGER",
    }  # each repetition begins with a sign or is at most 60 long
    if name.rpartition(".")[2] not in allowed:
        assert not repeats_in_repeats(sre_parse.parse(pattern.pattern, pattern.flags & ~re.UNICODE)), (
            pattern.pattern
        )


@pytest.mark.parametrize(
    "unit",
    ["- ", "( ", "= ", "a ", "1.", "1:", ".1", "|", "\t", "a.b", "loss: ", "0 ", "\u2588", "'x", "{'a':["],
)
def test_twice_the_text_takes_twice_the_calls(unit: str) -> None:
    def calls(length: int) -> int:
        count = 0

        def counting(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        line = (unit * length)[: length * 2]
        sys.setprofile(counting)
        try:
            read_console([f"{line}x {line}\n"] * 3, "log")
        finally:
            sys.setprofile(None)
        return count

    calls(100)  # the first call also imports and fills caches
    assert calls(4000) < 2.5 * calls(2000) + 2000


def test_lines_that_never_come_again_are_not_all_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    monkeypatch.setattr(collector, "parse_template", lambda texts: parsed.append(texts) or Template())
    words = (f"{chr(100 + i % 26)}{chr(100 + i // 26 % 26)}{chr(100 + i // 676)}x" for i in range(15_000))
    read_console([f"served {word} to {i}\n" for i, word in enumerate(words)], "log")
    assert len(parsed) <= collector.FREE_TEMPLATES + 100


@given(losses=LOSSES, states=st.integers(1, 6), bars=st.booleans())
@settings(max_examples=12, deadline=None)
def test_states_of_a_bar_that_are_written_over_change_nothing(
    losses: list[tuple[float, float]], states: int, bars: bool
) -> None:
    """Read a log with all states of its bars, and one with the last ones alone, and compare the curves."""

    def text(shown: int) -> str:
        lines = []
        for epoch, (train, validation) in enumerate(losses, 1):
            drawn = [
                f"Epoch {epoch}: {100 * i // states}%|{'█' * i}| {i}/{states} [00:01, loss={train + i:.4f}]"
                if bars
                else f"{i}/{states} [{'=' * i}>{'.' * (9 - i)}] - ETA: {i}s - loss: {train + i:.4f}"
                for i in range(1, shown)
            ]
            last = f"Epoch {epoch}: train_loss={train:.4f} val_loss={validation:.4f}"
            lines.append("\r".join([*drawn, f"\r{last}"]) if drawn else last)
        return "\n".join(lines) + "\n"

    (whole,), (short,) = (read_console([text(shown)], "log") for shown in (states, 1))
    for key in (("train", "loss"), ("validation", "loss")):
        assert whole.history.series[key].values.tolist() == short.history.series[key].values.tolist()


def test_the_lines_of_cocos_evaluation_are_told_apart() -> None:
    sizes = (
        ("0.50:0.95", "all", 0.2),
        ("0.50     ", "all", 0.5),
        ("0.75     ", "all", 0.3),
        ("0.50:0.95", "small", 0.1),
    )
    text = "".join(
        f"Epoch {epoch} train loss: {1 / epoch:.4f}\n"
        + "".join(
            f" Average Precision  (AP) @[ IoU={iou} | area={area:>6s} | maxDets=100 ] = {start + epoch / 100:.3f}\n"
            for iou, area, start in sizes
        )
        for epoch in range(1, 9)
    )
    (log,) = read_console([text], "log")
    for name, (_, _, start) in zip(("", "_at50", "_at75", "_small"), sizes, strict=True):
        expected = [round(start + epoch / 100, 3) for epoch in range(1, 9)]
        assert log.history["validation", f"coco/ap{name}"].values.tolist() == expected


@pytest.mark.parametrize(("begin", "end"), [("=== Training ===", "=== Validation ==="), ("TRAINING", "VALIDATION")])
def test_a_block_of_validation_epochs_below_one_of_training_is_of_the_same_run(begin: str, end: str) -> None:
    losses = [[round(start - epoch / 30, 4) for epoch in range(12)] for start in (0.8, 0.9)]
    blocks = (
        [heading, *(f"  epoch {epoch}: loss {loss}, acc 0.5" for epoch, loss in enumerate(values, 1))]
        for heading, values in zip((begin, end), losses, strict=True)
    )
    (log,) = read_console(["\n".join(line for block in blocks for line in block) + "\n"], "log")
    found = choose_curves(log)
    assert found.train is not None
    assert [found.train.values.tolist(), found.validation.values.tolist()] == losses
    assert found.validation.epochs.tolist() == list(range(1, 13))


@pytest.mark.parametrize(
    ("first", "line", "heading", "further"),
    [
        ("", "Epoch {e}: loss {t} val_loss {v}", "Testing", "Epoch {e}: loss {t} val_loss {v}"),
        ("Training", "Epoch {e}: loss {t}", "Testing", "Epoch {e}: loss {t} val_loss {v}"),
        ("Training", "Epoch {e}\n loss {t}\n val_loss {v}", "Testing", "Epoch {e}\n loss {t}\n val_loss {v}"),
        ("Training", "Epoch {e}: loss {t} val_loss {v}", "Testing\n loss: 0.4", "Epoch {e}: loss {t} val_loss {v}"),
        ("Training", "Epoch {e}: loss {t} val_loss {v}", "Testing", "Epoch {e}: loss {t}"),
        ("Training", "Epoch {e}: loss {t}", "Evaluating on test set", "Epoch {e}: loss {t}"),
        ("", "Epoch {e}: loss {t}", "Testing", "Epoch {e}: loss {t}"),
    ],
)
def test_a_heading_does_not_take_the_epochs_of_a_second_run(
    first: str, line: str, heading: str, further: str
) -> None:
    training = [round(0.9 - epoch / 30, 4) for epoch in range(9)]

    def run(line: str) -> list[str]:
        return [line.format(e=epoch, t=t, v=round(t + 0.1, 4)) for epoch, t in enumerate(training, 1)]

    logs = read_console(["\n".join([first, *run(line), heading, *run(further), ""])], "log")
    assert [log.history["train", "loss"].values.tolist() for log in logs] == [training, training]
    assert [("validation", "loss") in log.history.series for log in logs] == ["val" in line, "val" in further]


def test_arguments_of_a_metric_that_come_again_tell_its_columns_apart() -> None:
    lines = (f"Epoch {e}: acc({e}00) = 0.{e}7, val acc(1) = 0.{e}1, val acc(5) = 0.{e}5\n" for e in range(1, 9))
    (log,) = read_console(lines, "log")
    for (split, metric), digit in zip(
        (("validation", "acc@1"), ("validation", "acc@5"), ("train", "acc")), "157", strict=True
    ):
        assert log.history[split, metric].values.tolist() == [float(f"0.{e}{digit}") for e in range(1, 9)]


def test_epochs_in_parentheses_are_places() -> None:
    (log,) = read_console((f"Epoch({e}): 0.{e} (val 0.{e}1)\n" for e in range(3, 9)), "log")
    assert log.history["validation", ""].epochs.tolist() == list(range(3, 9))


def test_lines_with_other_arguments_are_not_all_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    parse = template.parse_template
    monkeypatch.setattr(collector, "parse_template", lambda texts: parsed.append(texts) or parse(texts))
    (log,) = read_console((f"val_acc({i}00) = 0.{i}\n" for i in range(1000, 3000)), "log")
    assert len(log.history["validation", "acc"].values) == 2000
    assert len(parsed) < 50


@pytest.mark.parametrize("index", [" {:4}:     ", " [{}]:", "[{}]"])
def test_a_number_between_a_split_and_its_value_is_no_value(index: str) -> None:
    lines = (f"Train{index.format(90 - i)} 0.{i}5\nTest{index.format(90 - i)} 0.{i}7\n" for i in range(9))
    assert read_console(lines, "log") == []


@pytest.mark.parametrize(
    "word", ["Epoha", "Època", "Época", "Epocha", "Epoka", "Епоха", "Εποχή", "Epookki", "युग", "轮次"]
)
def test_epochs_are_counted_in_other_languages(word: str) -> None:
    (log,) = read_console([f"{word} {i}/12 loss={1 / i:.4f} val_loss={2 / i:.4f}\n" for i in range(3, 13)], "log")
    assert choose_curves(log).validation.epochs.tolist() == list(range(3, 13))


@pytest.mark.parametrize(
    ("name", "english"),
    [
        ("precisión", ["precision"]),
        ("precisió", ["accuracy"]),
        ("selection error", ["validation", "error"]),
        ("feature selection loss", ["feature", "selection", "loss"]),
    ],
)
def test_words_that_begin_other_words_are_not_translated(name: str, english: list[str]) -> None:
    assert metric_names.in_english(name).split() == english


SHOWN = st.one_of(
    st.floats(-9, 99).map(lambda value: f"{value:.4f}"),
    st.floats(0.1, 99).map(lambda value: f"{value:.2e}"),
    st.integers(0, 9).map(str),
    st.sampled_from(["nan", "inf", "0.", "12.5%"]),
)


@pytest.mark.parametrize("form", FORMS)
@given(cells=st.lists(st.tuples(SHOWN, SHOWN, SHOWN, SHOWN), min_size=8, max_size=14))
@settings(max_examples=3, deadline=None)
def test_lines_of_known_forms_are_read_as_if_each_was_parsed(
    form: str, cells: list[tuple[str, str, str, str]]
) -> None:
    shown = [dict(zip("tvab", each, strict=True)) for each in cells]
    lines = [line.format(n=len(shown)) for line in FORMS[form].before]
    lines += [line.format(e=i, n=99, **each) for i, each in enumerate(shown, 1) for line in FORMS[form].lines]
    text = "\n".join(lines) + "\n"
    known = read_console([text], "log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms.Forms, "add", lambda *_: None)
        parsed = read_console([text], "log")
    assert [log.history.run for log in known] == [log.history.run for log in parsed]
    for one, other in zip(known, parsed, strict=True):
        assert one.history.series.keys() == other.history.series.keys()
        for key, series in one.history.series.items():
            np.testing.assert_array_equal(series.epochs, other.history.series[key].epochs)
            np.testing.assert_array_equal(series.values, other.history.series[key].values)
