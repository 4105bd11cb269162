"""Run the code of pages in a process of its own: one JSON line in and one out for each block or command.

Python gets it with `-c`, like a user's code. So the page alone decides what is imported and when.
"""

import contextlib
import io
import json
import os
import sys
import traceback
from pathlib import Path
from unittest import mock


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
    if request["figures"]:
        cli.main()
    else:  # they take seconds
        with mock.patch("gengap.report.plots.save_figures", lambda *arguments, **options: []):
            cli.main()


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries may print to file descriptor 1
    names = {"__name__": "__main__"}
    for line in sys.stdin:
        output, errors, status = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                run(json.loads(line), names)
            except SystemExit as end:
                status = end.code or 0
            except BaseException:
                status = 1
                traceback.print_exc()
        print(json.dumps([status, output.getvalue(), errors.getvalue()]), file=replies, flush=True)


if __name__ == "__main__":
    main()
