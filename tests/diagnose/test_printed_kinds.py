"""Names beside their values, lines in records, checkpoints, headers that only rows explain, folders of epochs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from diagnose.curves_expected import read_text
from hypothesis import given, settings
from hypothesis import strategies as st

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import GengapError

LOSSES = st.lists(st.integers(1, 99_999).map(lambda n: n / 10_000), min_size=4, max_size=14)


@settings(max_examples=25, deadline=None)
@given(
    losses=LOSSES,
    form=st.sampled_from(
        (
            ':::MLLOG {{"key": "eval_loss", "value": {}, "metadata": {{"lineno": 288, "epoch_num": {}}}}}',
            "INFO {{metricName: val_loss, metricValue: {}}}; epoch: {}",
            '{{"metric": "val_loss", "value": {}, "epoch": {}}}',
            "tag=val_loss, value={}, step={}",
        )
    ),
)
def test_a_name_in_one_field_names_the_value_in_the_next(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], form: str
) -> None:
    lines = "".join(form.format(loss, i) + "\n" for i, loss in enumerate(losses, 1))
    assert read_text(tmp_path_factory.mktemp("run"), lines) == losses


def test_the_ending_of_a_file_does_not_make_it_json(tmp_path: Path) -> None:
    lines = [f'DLLL {{"step": [{i}], "data": {{"train.loss": {1 / i}, "val.loss": {2 / i}}}}}' for i in range(1, 9)]
    assert read_text(tmp_path, "\n".join(lines), "log.json") == [2 / i for i in range(1, 9)]


def records_as(form: str, records: list[dict[str, str]]) -> tuple[str, str]:
    """Return a name for a file and its text."""
    if form == "json":
        return "logs.json", json.dumps(records, indent=1)
    if form == "jsonl":
        return "logs.jsonl", "".join(f"{json.dumps(record)}\n" for record in records)
    written = StringIO()
    writer = csv.DictWriter(written, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return "logs.csv", written.getvalue()


@settings(max_examples=30, deadline=None)
@given(
    losses=LOSSES,
    form=st.sampled_from(("json", "jsonl", "csv")),
    column=st.sampled_from(("textPayload", "message", "@message", "log")),
    newest_first=st.booleans(),
)
def test_lines_in_records_are_read_in_the_order_of_time(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], form: str, column: str, newest_first: bool
) -> None:
    records = []
    for i, loss in enumerate(losses):
        time = f"2024-05-01T10:{i:02d}:00Z"
        records.append({"id": f"a{i}", "timestamp": time, column: f"epoch {i} loss {loss / 2} val_loss {loss}"})
        records.append({"id": f"b{i}", "timestamp": time, column: "checkpoint was saved"})
    name, text = records_as(form, records[::-1] if newest_first else records)
    assert read_text(tmp_path_factory.mktemp("run"), text, name) == losses


@pytest.mark.parametrize("base", ["", "2024-05-01/"])
def test_runs_called_by_their_split_are_one_run(base: str, tmp_path: Path) -> None:
    rows = [
        f"{base}{split},epoch_loss,{i},{(i + k) / 8}"
        for split, k in (("train", 1), ("validation", 2))
        for i in range(5)
    ]
    text = "\n".join(["run,tag,step,value", *rows])
    assert read_text(tmp_path, text, "scalars.csv") == [(i + 2) / 8 for i in range(5)]


SAVED = (
    "Epoch {i}, global step {step}: 'val_loss' reached {new} (best {new}), saving model to 'a/0.5.ckpt' as top 3",
    "Epoch {i}: val_loss improved from {old} to {new}, saving model to best.keras",
    "Epoch {i}\nValidation loss decreased ({old} --> {new}).  Saving model ...",
)


@pytest.mark.parametrize("form", SAVED)
def test_checkpoints_are_no_curve(form: str, tmp_path: Path) -> None:
    lines = [form.format(i=i, step=10 * i, old=f"{1 / (i - 1):.4f}", new=f"{1 / i:.4f}") for i in range(2, 9)]
    with pytest.raises(GengapError, match="no training curve"):
        read_text(tmp_path, "\n".join([*lines, ""]))


def test_a_curve_beside_checkpoints_is_judged(tmp_path: Path) -> None:
    lines = [
        f"Epoch {i}: val_loss improved from inf to {1 / i:.4f}, saving\nepoch {i} val_loss: {1 / i:.4f}\n"
        for i in range(1, 5)
    ]
    assert read_text(tmp_path, "".join([*lines, "epoch 5 val_loss: 0.9000\n"])) == [1.0, 0.5, 0.3333, 0.25, 0.9]


@pytest.mark.parametrize(
    "line",
    [
        "Filter: (val_loss < '0.{}'::double precision)",
        "WHERE val_loss <= 0.{}",
        "val scan (cost=0.00..1{}.00 width=12)",
        "wandb: Run summary:\nwandb:   epoch 1{}\nwandb:  val_loss 0.5{}",
    ],
)
def test_conditions_ranges_and_summaries_are_no_curves(line: str, tmp_path: Path) -> None:
    repeats = range(1) if "\n" in line else range(6)
    with pytest.raises(GengapError):
        read_text(tmp_path, "\n".join(line.replace("{}", str(i)) for i in repeats) + "\n")


@settings(max_examples=25, deadline=None)
@given(losses=LOSSES)
def test_a_value_may_stand_before_its_name_and_its_split(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float]
) -> None:
    lines = [
        f"INFO : -9.{i} per-word bound, {loss} perplexity estimate based on a held-out corpus of 2000 documents "
        f"with 231242 words\nINFO : evaluating perplexity every {4000} documents"
        for i, loss in enumerate(losses)
    ]
    assert read_text(tmp_path_factory.mktemp("run"), "\n".join([*lines, ""])) == losses


@settings(max_examples=25, deadline=None)
@given(losses=LOSSES)
def test_a_pronoun_stands_for_the_metric(tmp_path_factory: pytest.TempPathFactory, losses: list[float]) -> None:
    lines = [
        f"Finished epoch {i}. Train loss was {x / 2}; on held-out data it was {x}." for i, x in enumerate(losses)
    ]
    assert read_text(tmp_path_factory.mktemp("run"), "\n".join([*lines, ""])) == losses


@settings(max_examples=25, deadline=None)
@given(losses=LOSSES, prefix=st.sampled_from(("", "NOTE:  ", "INFO: ")), width=st.integers(7, 12))
def test_rows_show_where_names_of_several_words_end(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], prefix: str, width: int
) -> None:
    names = ("Learning Rate", "Loss", "Fit Error", "Validation Loss", "Time(s)")
    wide = [max(width, len(name)) for name in names]
    header = f"{prefix}Epoch " + " ".join(name.rjust(w) for name, w in zip(names, wide, strict=True))
    rows = [
        f"{prefix}{i:<5} "
        + " ".join(
            cell.rjust(w) for cell, w in zip(("0.001", f"{x / 2:.5f}", "0.5", f"{x:.4f}", "1.3"), wide, strict=True)
        )
        for i, x in enumerate(losses)
    ]
    assert read_text(tmp_path_factory.mktemp("run"), "\n".join([header, *rows, ""])) == losses


def test_a_header_of_two_lines_of_words_and_marks_of_held_out_rows(tmp_path: Path) -> None:
    header = "average  since    example  current\nloss     last     counter  predict\n"
    rows = [f"{1 / i:.6f} {2 / i:.6f} {i:8d} {0.5:8.4f}{' h' * (i > 3)}\n" for i in range(1, 10)]
    assert read_text(tmp_path, header + "".join(rows)) == [float(f"{1 / i:.6f}") for i in range(4, 10)]


def test_columns_of_letters_beside_a_loss_are_scores_of_held_out_rows(tmp_path: Path) -> None:
    header = "Itn  NER Loss   NER P   NER R   NER F\n---  --------  ------  ------  ------\n"
    rows = [f"{i:3d}  {900 - i:8.3f}  {30 + i:6.3f}  {20 + i:6.3f}  {25 + i:6.3f}\n" for i in range(1, 9)]
    assert read_text(tmp_path, f"Counting words (limit=0)\n\n{header}{''.join(rows)}")[0] in (31.0, 21.0, 26.0)


def test_letters_of_splits_are_read_beside_values_of_the_validation_data(tmp_path: Path) -> None:
    header = "Training starts...\n#iter   | NDCG@10-T | NDCG@10-V | \n"
    rows = [f"{i:<8}| 0.5{i}       | 0.4{i}       | \n" for i in range(1, 9)]
    text = f"{header}{''.join(rows)}NDCG@10 on validation data: 0.48\n"
    assert read_text(tmp_path, text) == [float(f"0.4{i}") for i in range(1, 9)]


def test_a_printed_dict_with_a_name_is_no_code(tmp_path: Path) -> None:
    lines = [f"metrics = {{'epoch': {i}, 'loss': {1 / i}, 'val_loss': {2 / i}}}\n" for i in range(1, 6)]
    assert read_text(tmp_path, "".join(lines)) == [2 / i for i in range(1, 6)]


@pytest.mark.parametrize("word", ["평가 손실", "評価損失", "评估损失", "評估損失"])
def test_evaluation_in_other_languages_is_validation(word: str, tmp_path: Path) -> None:
    assert read_text(tmp_path, "".join(f"epoch {i} {word} 0.{i}\n" for i in range(1, 6))) == [
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
    ]


def test_an_objective_is_a_loss_unless_it_is_below_zero(tmp_path: Path) -> None:
    for sign in (1, -1):
        path = tmp_path / "train.log"
        path.write_text(
            "".join(f"epoch {i} train objective: {sign * i} val objective: {sign * i}\n" for i in range(1, 6))
        )
        assert choose_curves(read(path)[0]).higher_is_better is (sign < 0)


def matlab(name: str, values: list[str]) -> str:
    rows = [
        f"  Columns {k + 1} through {k + 4}\n\n    {'    '.join(values[k : k + 4])}\n"
        for k in range(0, len(values), 4)
    ]
    return f">> {name}\n\n{name} =\n\n" + "\n".join(rows) + "\n"


def r_list(name: str, values: list[str]) -> str:
    return (
        f"${name}\n"
        + "".join(f" [{k + 1}] {' '.join(values[k : k + 4])}\n" for k in range(0, len(values), 4))
        + "\n"
    )


def r_vector(name: str, values: list[str]) -> str:
    return f"> fit$metrics${name}\n" + r_list(name, values).split("\n", 1)[1]


def numpy_array(name: str, values: list[str]) -> str:
    return f"{name}: [{' '.join(values[:3])}\n {' '.join(values[3:])}]\n"


@settings(max_examples=40, deadline=None)
@given(losses=LOSSES, form=st.sampled_from((matlab, r_list, r_vector, numpy_array)))
def test_vectors_are_read_as_languages_show_them(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], form: Callable[[str, list[str]], str]
) -> None:
    text = form("train_loss", [f"{loss / 2:.5f}" for loss in losses]) + form(
        "val_loss", [f"{x:.4f}" for x in losses]
    )
    assert read_text(tmp_path_factory.mktemp("run"), text, "session.txt") == losses


@settings(max_examples=25, deadline=None)
@given(losses=LOSSES, bar=st.booleans())
def test_a_heading_holds_for_a_line_whose_epoch_stands_behind_its_values(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], bar: bool
) -> None:
    text = ""
    for i, loss in enumerate(losses):
        text += (
            f"10:{i:02d}:00 (INFO): mae: 0.9{i}, loss: {loss / 2:.4f}, lr: 1.00e-04, epoch: {i}.5000, step: {i}50\n"
        )
        text += f"10:{i:02d}:30 (INFO): Evaluating on val.\n"
        text += "device 0: 100%|██████████| 20/20 [00:05<00:00,  3.8it/s]\n" if bar else ""
        text += f"10:{i:02d}:40 (INFO): mae: 0.8{i}, loss: {loss:.4f}, epoch: {i + 1}.0000\n"
    assert read_text(tmp_path_factory.mktemp("run"), text) == losses


CARD = """# wav2vec2

It achieves the following results on the evaluation set:
- eval_loss: 0.9860
- eval_wer: 0.3797
- epoch: 9.73
- step: 12300
"""


def test_the_last_evaluation_of_a_model_card_is_no_curve(tmp_path: Path) -> None:
    with pytest.raises(GengapError):
        read_text(tmp_path, CARD, "README.md")


@pytest.mark.parametrize("item", ["{i}. Net{i}{i}\n   - ", "{i}) Conv with 300 epoch {k} subject\n\n"])
def test_items_of_a_list_are_models_and_no_epochs(item: str, tmp_path: Path) -> None:
    names = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
    text = "".join(
        item.format(i=i, k=1 + i // 4).replace("Net", name).replace("Conv", name)
        + f"Training Loss: 0.{i}1\n   - Validation Loss: 0.{i}5\n\n"
        for i, name in enumerate(names, 1)
    )
    with pytest.raises(GengapError):
        read_text(tmp_path, text, "README.md")


def test_all_combinations_of_settings_are_a_search(tmp_path: Path) -> None:
    lines = [f"units={u}, sigma={s}, Val MAE={(u + s) / 99:.4f}\n" for u in (10, 15, 50) for s in (0.1, 0.5, 1.0)]
    with pytest.raises(GengapError):
        read_text(tmp_path, "".join(lines))


def test_numbers_that_come_again_beside_a_curve_are_no_search(tmp_path: Path) -> None:
    lines = [f"phase={i // 4} stall={i % 3} val_loss={1 / (i + 1):.4f}\n" for i in range(12)][:-1]
    assert len(read_text(tmp_path, "".join(lines))) == 11


@pytest.mark.parametrize(
    "line",
    [
        "seed {i}: test accuracy = 0.8{i}, test loss = 0.4{i}",
        "Subject 0{i}: train acc 0.9{i}, test acc 0.7{i}",
        "batch_size={i}6 train_loss=0.3{i} val_loss=0.4{i}",
        "{i}0% of data: val acc 0.6{i}",
        "w/o {word}: Train Loss 0.3{i}, Val Loss 0.4{i}",
        "- **{word}**: train 0.8{i}, val 0.7{i}, test 0.69",
        "| {i}e-3 | 0.3{i} | 0.4{i} |",
    ],
)
def test_lines_that_a_word_or_a_setting_tells_apart_are_results(line: str, tmp_path: Path) -> None:
    words = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota")
    rows = [line.format(i=i, word=word) for i, word in enumerate(words, 1)]
    header = ["| lr | train loss | val loss |", "|---|---|---|"] if line.startswith("|") else []
    with pytest.raises(GengapError):
        read_text(tmp_path, "\n".join([*header, *rows, ""]), "results.md")


@pytest.mark.parametrize("form", ["第{i}轮 训练损失0.5 验证损失{loss}", "第{i}轮, 训练损失:0.5, 验证损失:{loss}"])
def test_numbers_may_stand_directly_behind_letters_of_other_languages(form: str, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("".join(form.format(i=3 * i, loss=1 / i) + "\n" for i in range(1, 7)), encoding="utf-8")
    found = choose_curves(read(path)[0]).validation
    assert found.values.tolist() == [1 / i for i in range(1, 7)]
    assert found.epochs.tolist() == [3, 6, 9, 12, 15, 18]
