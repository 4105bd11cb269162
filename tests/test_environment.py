"""gengap in the environment of a new user: no KERAS_BACKEND, no configuration of Keras, no TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDS_KERAS = "import gengap\ngengap.models.tiny(features=2)"
no_tensorflow = pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")


def run(code: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the code in a Python of its own, as a user whose home folder is `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KERAS")}
    env = {**kept, "HOME": str(home), **variables}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def configure_keras(home: Path, text: str) -> None:
    (home / ".keras").mkdir()
    (home / ".keras" / "keras.json").write_text(text)


def backend_chosen(home: Path, **variables: str) -> str:
    result = run("import os, gengap; print(os.environ.get('KERAS_BACKEND'))", home, **variables)
    assert not result.returncode, result.stderr
    return result.stdout.strip()


def test_importing_gengap_is_light(tmp_path: Path) -> None:
    heavy = "{'jax', 'keras', 'numpy', 'pandas', 'matplotlib', 'sklearn', 'scipy'}"
    assert run(f"import sys, gengap; print({heavy} & set(sys.modules))", tmp_path).stdout == "set()\n"


def test_a_new_user_gets_jax(tmp_path: Path) -> None:
    assert backend_chosen(tmp_path) == "jax"
    result = run("import gengap, keras; print(keras.config.backend())", tmp_path)
    assert result.stdout == "jax\n", result.stderr
    assert (tmp_path / ".keras" / "keras.json").exists()  # Keras wrote its default, TensorFlow, there
    assert backend_chosen(tmp_path) == "jax"


def test_the_backend_in_the_environment_is_kept(tmp_path: Path) -> None:
    assert backend_chosen(tmp_path, KERAS_BACKEND="torch") == "torch"


@pytest.mark.parametrize("text", ['{"backend": "no such"}', '{"backend": "tensorflow"}', "[1]", "{", ""])
def test_a_configuration_that_names_no_installed_backend_breaks_nothing(text: str, tmp_path: Path) -> None:
    configure_keras(tmp_path, text)
    assert backend_chosen(tmp_path) == "jax"


def test_a_backend_configured_for_keras_is_kept(tmp_path: Path) -> None:
    configure_keras(tmp_path, json.dumps({"backend": "torch"}))
    (tmp_path / "torch.py").touch()
    assert backend_chosen(tmp_path, PYTHONPATH=os.pathsep.join([*sys.path, str(tmp_path)])) == "torch"
    (tmp_path / "torch.py").unlink()
    assert backend_chosen(tmp_path) == "jax"


def test_a_keras_imported_first_keeps_its_backend(tmp_path: Path) -> None:
    code = "import keras\nimport os, gengap\nprint(os.environ['KERAS_BACKEND'], keras.config.backend())"
    assert run(code, tmp_path, KERAS_BACKEND="numpy").stdout == "numpy numpy\n"


@no_tensorflow
def test_a_keras_that_could_not_be_imported_works_after_gengap(tmp_path: Path) -> None:
    tried = "try:\n    import keras\nexcept ImportError:\n    print('failed')\n"
    code = f"{tried}{NEEDS_KERAS}\nimport keras\nprint(keras.config.backend())"
    assert run(code, tmp_path).stdout == "failed\njax\n"


@no_tensorflow
def test_a_keras_without_its_backend_is_one_clear_sentence(tmp_path: Path) -> None:
    for backend, why in (("tensorflow", "No module"), ("no such", "Unable to import backend")):
        last = run(NEEDS_KERAS, tmp_path, KERAS_BACKEND=backend).stderr.strip().splitlines()[-1]
        assert last.startswith(f"gengap.errors.UsageError: Keras can't run on the backend {backend!r} ({why}")
        assert "set KERAS_BACKEND=jax" in last and "`import gengap` before `import keras`" in last


@no_tensorflow
def test_the_command_line_says_it_in_one_line(tmp_path: Path) -> None:
    code = "from gengap.cli import main\nmain(['study', '--train', '200', '--validation', '100', '--rows', '300'])"
    for backend in ("tensorflow", "no such"):
        call = code.replace("main([", "import sys; sys.argv[1:] = ([").replace("])", "]); main()")
        result = run(f"import os; os.chdir({str(tmp_path)!r})\n{call}", tmp_path, KERAS_BACKEND=backend)
        assert result.returncode == 2, result.stderr
        assert f"gengap: Keras can't run on the backend '{backend}'" in result.stderr.replace("\n", " ")
        assert "Traceback" not in result.stderr
