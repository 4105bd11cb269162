"""Run the code of one page in a process of its own: one JSON line in and one out for each block.

Python gets it with `-c`, like a user's code. So the page alone decides what is imported and when.
"""

import contextlib
import io
import json
import os
import sys
import traceback


def run(request, names):
    if "code" in request:
        exec(compile(request["code"], request["page"], "exec"), names)
        return
    from gengap import cli

    if not request["figures"]:  # they take seconds
        from gengap.report import plots

        plots.save_figures = lambda *arguments, **options: []
    sys.argv = ["gengap", *request["command"]]
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
