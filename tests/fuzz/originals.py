"""Real files of every kind that gengap reads, as the libraries that own the formats write them."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from diagnose.wandb_made import logged, wandb_file
from live_made import status
from report.page_made import study_made

from gengap.analysis.evaluation import HoldoutEvaluation
from gengap.analysis.summary import SCHEMA, StudySummary
from gengap.data.encoding import Encoding, Number
from gengap.files.checksums import LIST, Checksums
from gengap.history import History, Series, write_histories
from gengap.models.saved_model import CARD_FILE, ModelCard
from gengap.presets import load_plan
from gengap.report import tensorboard
from gengap.study.folder import FINGERPRINT, SUMMARY, TRIAL_SCHEMA, StudyFolder
from gengap.study.progress import STATUS

COUNT = 40
FIRST = "sizes/Tiny"  # the study's first run
PRINT = "0123456789abcdef"  # its fingerprint
AT = np.arange(COUNT)
LOSSES = {"loss": 0.9 * 0.95**AT, "val_loss": 0.5 + 0.4 * 0.8**AT + 0.004 * AT}


def columns() -> dict[str, np.ndarray]:
    return {"y": AT % 2, "a": AT * 0.5, "b": np.sin(AT).astype(np.float32), "c": AT > 20}


def rows_csv() -> list[bytes]:
    lines = [
        "y,a,b,c",
        *(f"{i % 2},{i * 0.5},{np.sin(i):.6g},{'true' if i > 20 else 'false'}" for i in AT.tolist()),
    ]
    text = "\n".join(lines) + "\n"
    quoted = text.replace("true", '"true"').replace("\n", "\r\n")
    return [each.encode() for each in (text, text.replace(",", ";"), "\ufeff" + quoted)]


def rows_gzip() -> list[bytes]:
    text, *others = rows_csv()
    return [gzip.compress(text), gzip.compress(text[:500]) + gzip.compress(text[500:]), gzip.compress(others[1], 1)]


def _table(text: bool = False) -> pa.Table:
    table = pa.table(columns() | LOSSES)
    if text:
        table = table.append_column("run", pa.array(["a", "b"] * (COUNT // 2)))
        table = table.append_column("kind", pa.array(["x", None] * (COUNT // 2)).dictionary_encode())
    pandas = json.dumps({"index_columns": ["c"], "columns": []})
    return table.replace_schema_metadata({"pandas": pandas})


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    sink = io.BytesIO()
    write(sink)
    return sink.getvalue()


def parquet(text: bool = False) -> list[bytes]:
    table = _table(text)
    ways: tuple[Mapping[str, Any], ...] = (
        {"compression": "zstd"},
        {"row_group_size": 9},
        {"use_dictionary": False},
    )
    return [_written(lambda sink, way=way: pq.write_table(table, sink, **way)) for way in ways]


def arrow(text: bool = False) -> list[bytes]:
    table = _table(text)

    def stream(sink: io.BytesIO) -> None:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, 9)

    return [
        _written(lambda sink: feather.write_feather(table, sink, "lz4")),
        _written(lambda sink: feather.write_feather(table, sink, "zstd", chunksize=9)),
        _written(lambda sink: feather.write_feather(table, sink, "uncompressed")),
        _written(stream),
    ]


def npz() -> list[bytes]:
    x, y = np.stack([AT * 0.5, np.sin(AT)], axis=1), AT % 2
    return [
        _written(lambda sink: np.savez(sink, x=x, y=y)),
        _written(lambda sink: np.savez_compressed(sink, **columns())),  # pyright: ignore[reportArgumentType]
    ]


@cache
def events() -> list[bytes]:
    """A run's training and validation, as a study writes them."""
    series = {
        ("train", "loss"): Series(AT, LOSSES["loss"]),
        ("validation", "loss"): Series(AT, LOSSES["val_loss"]),
    }
    with tempfile.TemporaryDirectory() as folder:
        tensorboard.write(History(FIRST, 0, series), Path(folder))
        return [path.read_bytes() for path in sorted(Path(folder).rglob("*tfevents*"))]


def curves_json() -> list[bytes]:
    lists = {name: values.tolist() for name, values in LOSSES.items()}
    records = [{"step": i, "loss": a, "eval_loss": b} for i, (a, b) in enumerate(zip(*lists.values(), strict=True))]
    boosted = {"train": {"logloss": lists["loss"]}, "valid": {"logloss": lists["val_loss"]}}
    several = {"first": lists, "second": lists}
    indexed = {name: dict(enumerate(values)) for name, values in lists.items()}
    return [
        json.dumps(each).encode() for each in (lists, records, boosted, several, indexed, {"log_history": records})
    ]


def trainer_state() -> list[bytes]:
    return curves_json()[-1:]


def curves_jsonl() -> list[bytes]:
    return [b"\n".join(json.dumps(record).encode() for record in json.loads(curves_json()[1]))]


def notebooks() -> list[bytes]:
    lines = [f"Epoch {e}/8\n25/25 - 1s - loss: {1 / e:.4f} - val_loss: {1 / e + 0.1:.4f}\n" for e in range(1, 9)]
    rows = "".join(f"<tr><td>{e}</td><td>{1 / e:.4f}</td><td>{1 / e + 0.1:.4f}</td></tr>" for e in range(1, 9))
    table = f"<table><tr><th>epoch</th><th>train_loss</th><th>valid_loss</th></tr>{rows}</table>"
    outputs = (
        {"output_type": "stream", "text": lines},
        {"output_type": "display_data", "data": {"text/html": table}},
    )
    cells = ([{"cell_type": "code", "source": ["fit()"], "outputs": [output]}] for output in outputs)
    return [json.dumps({"cells": each, "metadata": {}, "nbformat": 4}).encode() for each in cells]


def database() -> list[bytes]:
    """A tracker's SQLite file with a metric, a value and a step in each row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "runs.db")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE metrics (key TEXT, value FLOAT, step INTEGER)")
            for name, values in LOSSES.items():
                rows = [(name, value, i) for i, value in enumerate(values.tolist())]
                connection.executemany("INSERT INTO metrics VALUES (?, ?, ?)", rows)
            connection.commit()
        return [path.read_bytes()]


def wandb() -> list[bytes]:
    curves = zip(*(values.tolist() for values in LOSSES.values()), strict=True)
    return [wandb_file([logged(i, loss=a, val_loss=b) for i, (a, b) in enumerate(curves)])]


def curves_csv() -> list[bytes]:
    wide = ["epoch,loss,val_loss", *(f"{i},{LOSSES['loss'][i]},{LOSSES['val_loss'][i]}" for i in AT.tolist())]
    long = ["run,seed,epoch,split,metric,value"]
    long += [f"{run},0,{i},{s},loss,{v[i]}" for run in "ab" for s, v in LOSSES.items() for i in AT.tolist()]
    long = [line.replace(",val_loss,", ",validation,").replace(",loss,loss", ",train,loss") for line in long]
    return ["\n".join(lines).encode() for lines in (wide, long, [line.replace(",", "\t") for line in wide])]


def plans() -> list[bytes]:
    return [load_plan(name).to_toml().encode() for name in ("quick", "tutorial", "full")]


def plain_card(*columns: str) -> ModelCard:
    """The card of a model of plain numbers."""
    return ModelCard(Encoding(tuple(Number(name=name, median=0.0) for name in columns)), "y")


def card() -> list[bytes]:
    """Saved models as far as a card is read: an archive with one beside other members."""
    import zipfile

    def write(sink: io.BytesIO) -> None:
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", "{}")
            archive.writestr(CARD_FILE, msgspec.json.encode(plain_card("a", "b")))

    return [_written(write)]


def relist(folder: Path) -> None:
    """List all files of a study folder with their checksums, as somebody who changed them may."""
    listed = Checksums(folder)
    for path in folder.rglob("*"):
        if path.is_file() and path != listed.path:
            listed.add(path, path)


@cache
def study() -> dict[str, bytes]:
    """Every file of a finished study's folder that is ever read again, by its name."""
    summary, histories = study_made()
    trial, history = summary.trials[0], histories[0]
    with tempfile.TemporaryDirectory() as place:
        folder = StudyFolder(Path(place))
        folder.write("study.json", summary.to_json())
        folder.write("plan.toml", plans()[0])
        write_histories(histories, folder.path / "histories.parquet")
        kept = {SUMMARY: msgspec.json.encode(trial).decode(), FINGERPRINT: PRINT, TRIAL_SCHEMA: str(SCHEMA)}
        write_histories([history], folder.trial_file(FIRST, 0), kept)
        epochs = np.array([0, 1, (trial.best_epoch or 3) - 1])
        np.savez(folder.trial_file(FIRST, 0).with_suffix(".npz"), epochs=epochs, outputs=np.zeros((3, 9, 1)))
        folder.write("models/sizes/Tiny.keras", card()[0])
        assert isinstance(summary, StudySummary) and isinstance(summary.test, HoldoutEvaluation)
        folder.write_evaluation(summary.test)
        running = status(source="here", plan=plans()[0].decode(), finished=((FIRST, 0),))
        folder.write(STATUS, msgspec.json.encode(running))
        write_histories([History("sizes/Two", 0, history.series)], folder.path / "live" / "Two.seed0.parquet")
        files = [path for path in folder.path.rglob("*") if path.is_file() and path.name != LIST]
        return {path.relative_to(folder.path).as_posix(): path.read_bytes() for path in files}
