"""Run the code of pages in a process of its own: one JSON line in and one out for each block or command.

Python gets it with `-c`, like a user's code. `begin` forks the process and `end` ends the fork. A fork begins with
libraries that take seconds to import, but without gengap and Keras: a page alone decides when these are imported.
"""

import contextlib
import io
import json
import os
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from unittest import mock

SLOW_IMPORTS = ("jax", "matplotlib.pyplot", "pandas", "pyarrow.parquet", "scipy.stats", "sklearn.ensemble")


def enter(folder):
    """Go to a page's folder, without the modules of the user's that another page's folder held."""
    if (before := str(Path.cwd())) != folder:
        os.chdir(folder)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(before + os.sep):
                del sys.modules[name]


def run(request, names):
    enter(request["folder"])
    if "code" in request:
        exec(compile(request["code"], request["page"], "exec"), names)
        return
    from gengap import cli

    sys.argv = ["gengap", *request["command"]]
    with contextlib.nullcontext() if request["whole"] else light():
        cli.main()


@contextlib.contextmanager
def light():
    """Without figures, and with few trees: both take seconds."""
    from gengap.train import baselines

    def few_trees(kind, task, settings, seed, build=baselines._trees):
        few = {"n_estimators" if kind == "ExtraTrees" else "max_iter": 10}
        return build(kind, task, {**settings, **few}, seed)

    with (
        mock.patch("gengap.report.plots.save_figures", lambda *arguments, **options: []),
        mock.patch("gengap.report.conclusion_plots.save_conclusion_plots", lambda *arguments: []),
        mock.patch.object(baselines, "_trees", few_trees),
    ):
        yield


def reply_to(request, names):
    output, errors, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            run(request, names)
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            status = 1
            traceback.print_exc()
    return [status, output.getvalue(), errors.getvalue()]


def forked():
    """Fork; give the fork's status in the process that waited for it, and None in the fork."""
    for name in SLOW_IMPORTS:
        import_module(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX warns of forks, but it has computed nothing yet
        child = os.fork()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else None


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries may print to file descriptor 1
    names = {"__name__": "__main__"}
    for line in sys.stdin:
        request = json.loads(line)
        if "end" in request:
            os._exit(0)
        if "begin" not in request:
            reply = reply_to(request, names)
        elif (status := forked()) is None:
            reply = [0, "", ""]
        else:  # of the fork's end, or of the block that ended it
            reply = [status, "", f"the process ended with status {status}"]
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
