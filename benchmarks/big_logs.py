"""Measure how long `gengap diagnose` takes on large console logs, and how much memory.

    python -m benchmarks.big_logs [--megabytes 100] [--only FORM]... [--folder FOLDER]

Each form of a log is written in a folder, in which a later call finds it again (default: a temporary folder), and
read by `gengap diagnose --json` in a process of its own. CPU seconds count, since they differ less than the time
on a busy machine. The program says what was read, so that two versions can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

BATCHES = 20  # of an epoch, in logs with a line or a state for each batch
Epoch = Callable[[int, random.Random], str]


class Usage(NamedTuple):
    """What a process took: wall and CPU seconds, and peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def _losses(epoch: int, rng: random.Random) -> tuple[float, float, float, float]:
    """Return losses and accuracies of training and validation."""
    train = 0.2 + 2 / (1 + epoch / 1000) + rng.random() / 50
    validation = train + 0.1 + rng.random() / 20
    return train, validation, 1 - train / 3, 1 - validation / 3


def _keras_lines(epoch: int, rng: random.Random) -> str:
    loss, val_loss, accuracy, val_accuracy = _losses(epoch, rng)
    took = f"{rng.randint(1, 9)}s - {rng.randint(10, 99)}ms/step"
    return (
        f"Epoch {epoch}/900000\n313/313 - {took} - accuracy: {accuracy:.4f} - loss: {loss:.4f} "
        f"- val_accuracy: {val_accuracy:.4f} - val_loss: {val_loss:.4f}\n"
    )


def _keras_bars(epoch: int, rng: random.Random) -> str:
    loss, val_loss, accuracy, val_accuracy = _losses(epoch, rng)
    states = [f"Epoch {epoch}/90000\n"]
    for batch in range(1, BATCHES + 1):
        done = 30 * batch // BATCHES
        bar = "=" * done + ">" * (done < 30) + "." * (29 - done)
        states.append(
            f"\r{batch:2}/{BATCHES} [{bar}] - ETA: {BATCHES - batch}s - loss: {loss + rng.random():.4f} "
            f"- accuracy: {accuracy - rng.random() / 9:.4f}"
        )
    return f"{''.join(states)} - val_loss: {val_loss:.4f} - val_accuracy: {val_accuracy:.4f}\n"


def _keras3_bars(epoch: int, rng: random.Random) -> str:
    """Return what Keras 3 prints: bars in colours, with backspaces and steps in milliseconds."""
    loss, val_loss, accuracy, val_accuracy = _losses(epoch, rng)
    back = "\x08" * 70 + "\r"
    states = [f"Epoch {epoch}/90000\n"]
    for batch in range(1, BATCHES + 1):
        done = 20 * batch // BATCHES
        bar = f"\x1b[32m{'━' * done}\x1b[0m\x1b[37m{'━' * (20 - done)}\x1b[0m"
        states.append(
            f"{back}\x1b[1m{batch}/{BATCHES}\x1b[0m {bar} \x1b[1m{rng.randint(1, 30)}s\x1b[0m "
            f"{rng.randint(1, 99)}ms/step - accuracy: {accuracy - rng.random() / 9:.4f} "
            f"- loss: {loss + rng.random():.4f}"
        )
    return f"{''.join(states)} - val_accuracy: {val_accuracy:.4f} - val_loss: {val_loss:.4f}\n"


def _tqdm(epoch: int, rng: random.Random) -> str:
    loss, val_loss, _, _ = _losses(epoch, rng)
    states = []
    for batch in range(BATCHES + 1):
        percent = 100 * batch // BATCHES
        bar = ("█" * (percent // 10)).ljust(10)
        clock = f"00:{batch:02}<00:{BATCHES - batch:02}, {rng.random() * 9:.2f}it/s"
        states.append(
            f"\rEpoch {epoch}: {percent:3}%|{bar}| {batch}/{BATCHES} [{clock}, loss={loss + rng.random():.3f}]"
        )
    return f"{''.join(states)}\nEpoch {epoch}: val_loss={val_loss:.5f}\n"


def _torch_batches(epoch: int, rng: random.Random) -> str:
    loss, val_loss, _, accuracy = _losses(epoch, rng)
    lines = [
        f"Train Epoch: {epoch} [{64 * batch}/{64 * BATCHES} ({100 * batch / BATCHES:.0f}%)]\t"
        f"Loss: {loss + rng.random():.6f}\n"
        for batch in range(BATCHES)
    ]
    right = int(10000 * accuracy)
    tested = f"Average loss: {val_loss:.4f}, Accuracy: {right}/10000 ({right / 100:.0f}%)"
    return f"{''.join(lines)}\nTest set: {tested}\n\n"


def _averages(epoch: int, rng: random.Random) -> str:
    """Return what PyTorch's ImageNet example prints: values with running means behind them."""
    loss, val_loss, accuracy, val_accuracy = _losses(epoch, rng)

    def line(place: str, loss: float, accuracy: float) -> str:
        now, top = loss + rng.random(), 100 * accuracy - rng.random()
        return (
            f"{place}\tTime {rng.random():6.3f} ({rng.random():6.3f})\tLoss {now:.4e} ({loss:.4e})\t"
            f"Acc@1 {top:6.2f} ({100 * accuracy:6.2f})\n"
        )

    lines = [line(f"Epoch: [{epoch}][{batch:4}/{BATCHES}]", loss, accuracy) for batch in range(BATCHES)]
    tested = [line(f"Test: [{batch:4}/4]", val_loss, val_accuracy) for batch in range(4)]
    return f"{''.join(lines + tested)} *   Acc@1 {100 * val_accuracy:.3f}\n"


def _torch_lines(epoch: int, rng: random.Random) -> str:
    loss, val_loss, accuracy, val_accuracy = _losses(epoch, rng)
    return (
        f"Epoch {epoch:03d} | Train Loss: {loss:.4f} | Train Acc: {accuracy:.2%} | Val Loss: {val_loss:.4f} "
        f"| Val Acc: {val_accuracy:.2%} | Time: {rng.random() * 60:.1f}s\n"
    )


def _key_values(epoch: int, rng: random.Random) -> str:
    loss, val_loss, accuracy, _ = _losses(epoch, rng)
    clock = f"{epoch // 3600 % 24:02}:{epoch // 60 % 60:02}:{epoch % 60:02},{rng.randint(0, 999):03}"
    return (
        f"2024-03-{epoch // 86400 % 28 + 1:02} {clock} INFO trainer: epoch={epoch} lr={rng.random() / 1000:.2e} "
        f"train_loss={loss:.5f} val_loss={val_loss:.5f} val_acc={accuracy:.4f}\n"
    )


def _dicts(epoch: int, rng: random.Random) -> str:
    loss, val_loss, _, _ = _losses(epoch, rng)
    rate = rng.random() / 10000
    return (
        f"{{'loss': {loss:.4f}, 'grad_norm': {rng.random() * 3}, 'learning_rate': {rate}, 'epoch': {epoch}.0}}\n"
        f"{{'eval_loss': {val_loss}, 'eval_runtime': {rng.random() * 9:.4f}, "
        f"'eval_samples_per_second': {rng.random() * 999:.3f}, 'epoch': {epoch}.0}}\n"
    )


FORMS: dict[str, Epoch] = {
    "keras-lines": _keras_lines,
    "keras-bars": _keras_bars,
    "keras3-bars": _keras3_bars,
    "tqdm": _tqdm,
    "torch-batches": _torch_batches,
    "averages": _averages,
    "torch-lines": _torch_lines,
    "key-values": _key_values,
    "dicts": _dicts,
}


def write_log(path: Path, epoch: Epoch, size: int) -> None:
    """Write a log of `size` bytes or a little more, always the same."""

    def epochs() -> Iterator[str]:
        rng = random.Random(0)
        written = number = 0
        while written < size:
            number += 1
            text = epoch(number, rng)
            written += len(text.encode())
            yield text

    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        file.writelines(epochs())
    part.replace(path)


def diagnose(path: Path) -> tuple[dict[str, Any], Usage]:
    """Return what `gengap diagnose` read in a log, and what it took."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "gengap", "diagnose", str(path), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, _, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    return json.loads(output)["runs"][0], Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.big_logs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--megabytes", type=float, default=100, help="size of each log")
    parser.add_argument("--only", action="append", choices=list(FORMS), help="forms to measure (default: all)")
    parser.add_argument("--folder", type=Path, help="where the logs are kept (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gengap-logs-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for form in options.only or FORMS:
            path = folder / f"{form}-{options.megabytes:g}.log"
            if not path.exists():
                write_log(path, FORMS[form], int(options.megabytes * 1e6))
            run, took = diagnose(path)
            if "read" not in run:
                print(f"{form}: {run['error']}", flush=True)
                continue
            read = run["read"]
            print(
                f"{form:14} {path.stat().st_size / 1e6:4.0f} MB: {took.cpu:5.1f} CPU s, {took.wall:5.1f} s, "
                f"{took.memory:5.0f} MiB. {run['metric']}: {read['points']}, {read['first']} to {read['last']}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
