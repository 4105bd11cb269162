"""The program `gengap`, also called by `python -m gengap`."""

from __future__ import annotations

from gengap.interrupts import leave, leave_when_interrupted, one_interrupt_per_press


def main() -> None:
    """Run the command line. Ctrl-C ends it without a traceback, also while it is imported."""
    leave_when_interrupted()
    with one_interrupt_per_press():
        try:
            from gengap.cli import main as run

            run()
        except KeyboardInterrupt:
            leave()


if __name__ == "__main__":
    main()
