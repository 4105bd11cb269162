"""Where text comes from, printed values, and epochs that start again."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from diagnose.curves_expected import TRAIN, VALIDATION, by_epoch, expect, one, write
from typer.testing import CliRunner

from gengap.cli import app
from gengap.diagnose import diagnose
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import DataError, UsageError

LINES = "".join(
    f"Epoch {i + 1}: loss {t} - val_loss {v}\n" for i, (t, v) in enumerate(zip(TRAIN, VALIDATION, strict=True))
)


def read_lines(source: str | Path) -> None:
    expect(source, by_epoch(VALIDATION, 1), by_epoch(TRAIN, 1))


@pytest.mark.parametrize("name", ["train.log", "nohup.out", "README.md", "log", "a.csv", "a.json.log", "x.py"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_of_any_name_and_encoding(tmp_path: Path, name: str, encoding: str) -> None:
    read_lines(write(tmp_path, name, LINES.encode(encoding)))


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("gb18030", "第 {} 轮 训练损失: {} 验证损失: {}"),
        ("cp949", "에포크 {} 훈련 손실: {} 검증 손실: {}"),
        ("cp932", "エポック {} 訓練損失: {} 検証損失: {}"),
        ("big5", "週期 {} 訓練損失: {} 驗證損失: {}"),
        ("cp1251", "Эпоха {} потери обучения: {} потери валидации: {}"),
        ("cp1252", "Época {} pérdida entrenamiento: {} pérdida validación: {}"),
    ],
)
def test_text_in_the_encoding_of_a_country(tmp_path: Path, encoding: str, line: str) -> None:
    losses = [0.95, 0.85, 0.75, 0.65, 0.7]
    text = "".join(f"{line.format(i, 0.5, loss)}\n" for i, loss in enumerate(losses, 1))
    log = one(write(tmp_path, "log.txt", text.encode(encoding)))
    assert log.history["validation", "loss"].values.tolist() == losses
    assert log.history["validation", "loss"].epochs.tolist() == [1, 2, 3, 4, 5]
    name = line.split("{}")[2].strip(" :")
    text = f"epoch,{name}\n" + "".join(f"{i},{loss}\n" for i, loss in enumerate(losses))
    log = one(write(tmp_path, "log.csv", text.encode(encoding)))
    assert log.history["validation", "loss"].values.tolist() == losses


def test_bytes_of_another_encoding_between_are_passed_over(tmp_path: Path) -> None:
    read_lines(write(tmp_path, "log", "학습 시작\n".encode("cp949") + LINES.encode()))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("-", "/dev/stdin"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
        read_lines(source)


DOCUMENT = json.dumps({"loss": [*TRAIN], "val_loss": [*VALIDATION]})


@pytest.mark.parametrize("text", [LINES, DOCUMENT])
def test_the_text_itself(text: str) -> None:
    log = one(text)
    assert log.history.run == "text"
    assert log.history["validation", "loss"].values.tolist() == [*VALIDATION]
    assert diagnose(text).verdict == diagnose({"loss": TRAIN, "val_loss": VALIDATION}).verdict


def test_a_file_whose_name_is_like_a_text_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a\nb", "x=[1]"):
        read_lines(str(write(tmp_path, name, LINES.encode()).name))


@pytest.mark.parametrize("text", ["loss: 0.5", "epoch 3 loss 0.51 val_loss 0.62", "loss [3] = 0.5"])
def test_one_line_of_a_log_is_no_path(text: str) -> None:
    with pytest.raises(DataError, match=r"no such file or folder\. .* text of a log, give all of its lines"):
        read(text)


@pytest.mark.parametrize("pattern", ["lr=0.1,*/a.log", "lr=[0-9].1*/a.log", "*seed=1/*.log", "lr=[0]*/a.log"])
def test_a_pattern_of_folders_named_by_settings(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1,seed=1").mkdir()
    write(tmp_path / "lr=0.1,seed=1", "a.log", LINES.encode())
    read_lines(pattern)


def test_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_text, args=(LINES,), daemon=True).start()
    read_lines(pipe)


def test_a_pattern(tmp_path: Path) -> None:
    for run in ("b", "a"):
        (tmp_path / run).mkdir()
        write(tmp_path / run, "train.log", LINES)
    logs = read(str(tmp_path / "*" / "*.log"))
    assert [log.history.run for log in logs] == [str(tmp_path / run / "train.log") for run in "ab"]
    with pytest.raises(DataError, match=r"no file has a name like this"):
        read(str(tmp_path / "*.txt"))


def test_an_address(tmp_path: Path) -> None:
    write(tmp_path, "train.log", LINES)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/train.log"
        read_lines(address)
        assert one(address).history.run == address
        server.shutdown()


def test_tables_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"loss": TRAIN, "val_loss": VALIDATION}), tmp_path / "curves")
    expect(tmp_path / "curves", by_epoch(VALIDATION), by_epoch(TRAIN))


@pytest.mark.parametrize(
    "text",
    [
        "{'loss': [0.9, 0.5, 0.3], 'val_loss': [1.0, 0.7, 0.8]}",
        "Done.\nhistory = {'loss': [0.9,\n 0.5,\n 0.3],\n 'val_loss': [1.0, 0.7, 0.8]}\nBye",
        "defaultdict(<class 'list'>, {'loss': [tensor(0.9, device='cuda:0'), tensor(0.5), tensor(0.3)],"
        " 'val_loss': [np.float64(1.0), np.float64(0.7), np.float64(0.8)]})",
        "{'loss': array([0.9, 0.5, 0.3], dtype=float32), 'val_loss': array([1. , 0.7, 0.8])}",
        "train_losses: [0.9, 0.5, 0.3]\nval_losses: [1.0, 0.7, 0.8]",
        "Train Loss = [tensor(0.9), tensor(0.5), tensor(0.3)]\nValidation Loss = [1.0, 0.7, 0.8]",
        "evals: {'train': {'loss': [0.9, 0.5, 0.3]}, 'eval': {'loss': [1.0, 0.7, 0.8]}}",
    ],
)  # fmt: skip
def test_printed_values(tmp_path: Path, text: str) -> None:
    log = expect(write(tmp_path, "log", text), by_epoch(VALIDATION), by_epoch(TRAIN))
    assert log.reader in ("printed-dict", "json")


def test_printed_nan_is_a_value(tmp_path: Path) -> None:
    path = write(tmp_path, "log", "{'loss': [0.9, 0.5, nan], 'val_loss': [1.0, nan, inf]}")
    assert str(choose_curves(one(path)).validation.values.tolist()) == "[1.0, nan, inf]"


def test_a_printed_dict_is_never_run(tmp_path: Path) -> None:
    done = tmp_path / "done"
    path = write(tmp_path, "log", f"{{'val_loss': [__import__('os').mkdir({str(done)!r}), 1.0, 2.0]}}")
    with pytest.raises((DataError, UsageError)):
        choose_curves(one(path))
    assert not done.exists()


def epochs(losses: list[float], first: int = 1) -> str:
    return "".join(f"Epoch {i}: loss {v - 0.1:.2f} val_loss {v:.2f}\n" for i, v in enumerate(losses, first))


GOES_ON, AGAIN = (
    epochs([0.9, 0.7, 0.6]) + epochs([0.58, 0.55, 0.5]),
    epochs([0.9, 0.7, 0.6]) + epochs([0.91, 0.72, 0.6]),
)


@pytest.mark.parametrize(
    ("text", "restart", "runs"),
    [(GOES_ON, "auto", [6]), (AGAIN, "auto", [3, 3]), (GOES_ON, "split", [3, 3]), (AGAIN, "continue", [6])],
)  # fmt: skip
def test_epochs_that_start_again(tmp_path: Path, text: str, restart: str, runs: list[int]) -> None:
    table = "epoch,loss,val_loss\n" + text.replace("Epoch ", "").replace(": loss ", ",").replace(" val_loss ", ",")
    for name, content in (("log", text), ("log.csv", table)):
        path = write(tmp_path, name, content)
        logs = read(path, restart=restart)
        assert [len(log.history["validation", "loss"]) for log in logs] == runs
        code = "read-restart-continued" if runs == [6] else "read-restart-split"
        assert all(code in [note.code for note in log.notes] for log in logs)
        assert logs[0].history["validation", "loss"].epochs.tolist() == list(range(1, runs[0] + 1))
        result = CliRunner().invoke(app, ["diagnose", str(path), "--restart", restart, "--json"])
        assert result.stdout.count('"run"') == len(runs)
        assert result.stderr.count("note: ") == 1  # for all of them
    assert [log.history.run for log in read(path, restart="split")] == [f"{path}:1", f"{path}:2"]


def test_a_wrong_restart_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="restart is 'both'; expected auto, continue, split"):
        diagnose(write(tmp_path, "log", LINES), restart="both")


def test_folds_are_runs(tmp_path: Path) -> None:
    text = "".join(f"===== Fold {i}/3 =====\n{epochs([0.9 + i / 50, 0.7, 0.6])}" for i in (1, 2, 3))
    logs = read(write(tmp_path, "log", text))
    assert [log.history.run.rpartition(":")[2] for log in logs] == ["Fold 1/3", "Fold 2/3", "Fold 3/3"]


def test_a_column_that_is_named_exactly_is_judged(tmp_path: Path) -> None:
    rows = "".join(f"{i},0.{9 - i},0.{8 - i},{70 + i},\n" for i in range(6))
    path = write(tmp_path, "log.csv", f"epoch,loss,val_loss,my_own,nothing\n{rows}")
    found = choose_curves(one(path), "my_own")
    assert (found.metric, found.validation.values.tolist(), found.higher_is_better) == (
        "my_own",
        [*range(70, 76)],
        True,
    )
    with pytest.raises(
        UsageError, match=r"These columns are empty: nothing\. These columns were not recognised: my_own"
    ):
        choose_curves(one(path), "other")


def test_a_score_beside_both_losses_is_of_validation(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "log",
        "| epoch | train_loss | valid_loss | accuracy |\n| 0 | 0.9 | 1.0 | 0.5 |\n| 1 | 0.5 | 0.7 | 0.6 |\n",
    )
    found = choose_curves(one(path))
    assert found.auxiliary is not None and found.auxiliary.validation.values.tolist() == [0.5, 0.6]


def test_what_was_looked_for_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r'log: no training curve was found .* A line that works: "Epoch 1/20 - loss'
    ):
        read(write(tmp_path, "log", "hello\nworld 3\n"))
