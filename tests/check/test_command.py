"""`gengap check` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

import gengap
from gengap.check.importing import import_estimator
from gengap.cli import app
from gengap.errors import GengapError

TREE = ["--estimator", "sklearn.tree:DecisionTreeClassifier"]
BASE = ["check", "table.csv", "--target", "bought"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3)).round(4)
    frame = pd.DataFrame(x, columns=["age", "size", "price"]).assign(
        shop=np.where(x[:, 0] > 0, "north", "south"),
        bought=np.where((x[:, 0] + x[:, 1] > 0) ^ (random.random(200) < 0.1), "yes", "no"),
        customer=np.arange(200) // 4,
    )
    path = tmp_path_factory.mktemp("check")
    frame.to_csv(path / "table.csv", index=False)
    (path / "my_models.py").write_text(
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def build():\n    return DecisionTreeClassifier(max_depth=1)\n"
        "small = DecisionTreeClassifier(max_depth=2)\n"
        "def fails():\n    raise RuntimeError('no data')\n"
        "number = 3\n"
        "class Model(DecisionTreeClassifier):\n    pass\n"
    )
    return path


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_a_table_is_checked_and_json_is_all_on_standard_output(folder: Path) -> None:
    words = [*BASE, *TREE, "--group", "customer", "--cv", "3", "--json", "--report", "page.html"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["run"], run["verdict"], run["split"], run["rows"]) == (
        "DecisionTreeClassifier",
        "overfit",
        "group",
        200,
    )
    assert "page.html: open it in a browser" in done.stderr
    assert "max_leaf_nodes" in (folder / "page.html").read_text(encoding="utf-8")


def test_people_read_the_verdict_the_path_and_what_to_set() -> None:
    done = CliRunner().invoke(app, [*BASE, *TREE, "--set", "max_depth=9", "--cv", "3", "--fail-on", "overfit"])
    assert done.exit_code == 1, done.stderr
    assert done.stdout.startswith("DecisionTreeClassifier · overfit")
    for text in (
        "\nneg_log_loss · 200 rows · ",
        "current settings",
        "change of loss, %",
        "a constant prediction",
        "[simpler-better]",
        "> Set max_leaf_nodes=",
    ):
        assert text in done.stdout


def test_estimators_are_classes_objects_or_functions() -> None:
    assert import_estimator("my_models:build", []).max_depth == 1
    assert import_estimator("my_models:small", ["criterion=entropy", "max_depth=None"]).get_params() | {} == {
        **import_estimator("sklearn.tree:DecisionTreeClassifier", []).get_params(),
        "criterion": "entropy",
    }


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--estimator", "sklearn.tree"], 2, "expected module:name, as in sklearn.ensemble"),
        (["--estimator", "no_such:Tree"], 2, "there is no module 'no_such'"),
        (["--estimator", "sklearn.tree:DecisionTreeClasifier"], 2, "Did you mean 'DecisionTreeClassifier'?"),
        (
            ["--estimator", "my_models:Modle"],
            2,
            "my_models has no 'Modle'; it has build, fails, Model. Did you mean 'Model'?",
        ),
        (["--estimator", "my_models:smal"], 2, "it has build, fails, Model. Did you mean 'small'?"),
        (["--estimator", "my_models:fails"], 2, "calling it without arguments raised 'no data'"),
        (["--estimator", "my_models:number"], 2, "it is of the type int, no scikit-learn estimator"),
        (["--estimator", "sklearn.linear_model:Ridge"], 1, "Use a classifier, or say --task regression"),
        ([*TREE, "--set", "max_dept=3"], 2, "Did you mean 'max_depth'?"),
        ([*TREE, "--set", "max_depth=three"], 1, "fitted to 180 of the rows: The 'max_depth' parameter"),
        ([*TREE, "--set", "max_depth"], 2, "expected NAME=VALUE, as in max_depth=5"),
        ([*TREE, "--complexity", "leaves"], 2, "has no parameter 'leaves'"),
        ([*TREE, "--report", "page.pdf"], 2, "page.pdf: expected a name that ends in .html"),
        ([*TREE, "--report", "table.html", "--scoring", "acuracy"], 2, "Did you mean 'accuracy'?"),
        ([*TREE, "--address", "tcp://x:1"], 2, "without a backend"),
        ([*TREE, "--target", "bougth"], 2, "Did you mean 'bought'?"),
    ],
)
def test_mistakes_are_one_line(words: list[str], status: int, message: str) -> None:
    with pytest.raises(GengapError) as raised:
        CliRunner().invoke(app, [*BASE, *words], catch_exceptions=False)
    assert message in str(raised.value) and "\n" not in str(raised.value)
    assert raised.value.exit_status == status


def test_an_unknown_language_fails_before_the_table_is_read() -> None:
    done = CliRunner().invoke(app, ["check", "nowhere.csv", *TREE, "--report", "page.html", "--lang", "fr"])
    assert done.exit_code == 2 and "'fr', expected 'en' or 'ko'" in done.stderr


def test_a_page_replaces_no_file_of_the_users(folder: Path) -> None:
    (folder / "mine.html").write_text("mine")
    with pytest.raises(GengapError, match="add --overwrite"):
        CliRunner().invoke(app, [*BASE, *TREE, "--report", "mine.html"], catch_exceptions=False)
    assert (folder / "mine.html").read_text() == "mine"


def test_python_and_the_command_agree(folder: Path) -> None:
    words = [*BASE, "--estimator", "sklearn.linear_model:LogisticRegression", "--cv", "3", "--json"]
    (run,) = json.loads(
        CliRunner().invoke(app, [*words, "--column", "customer=drop", "--column", "shop=drop"]).stdout
    )["runs"]
    frame = pd.read_csv(folder / "table.csv")
    x = frame[["age", "size", "price"]].astype(np.float32)
    result = gengap.check(LogisticRegression(), x, frame["bought"], cv=3)
    assert run["loss"] == pytest.approx(result.facts.loss, rel=1e-3)


def test_a_dask_cluster_gives_the_same_result() -> None:
    from distributed import Client

    words = [*BASE, *TREE, "--cv", "3", "--json"]
    (here,) = json.loads(CliRunner().invoke(app, words).stdout)["runs"]
    with Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as client:
        assert client.scheduler is not None
        words += ["--backend", "dask", "--address", client.scheduler.address]
        (there,) = json.loads(CliRunner().invoke(app, words).stdout)["runs"]
    assert there | {"seconds": here["seconds"]} == here
