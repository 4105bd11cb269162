"""Settings of JAX for the whole process: where compiled programs are stored, and threads of parallel workers.

Compiling a small network takes longer than training it. JAX can store compiled programs in a folder, so that the
next process and the parallel workers of scikit-learn load them: a network of 20 epochs that took 6.2 s of CPU time
takes 2.4. A stored program is machine code, so the folder must belong to the user alone.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from gengap.files.user_cache import private_folder

FOLDER = "programs"  # in the cache folder
MAX_BYTES = 64 * 2**20  # some 2,000 programs; JAX deletes those not used for longest
MIN_SECONDS = 0.05  # what compiles faster is not stored
WORKER = "LokyProcess"  # how joblib names its worker processes


def store_programs() -> None:
    """Let JAX store compiled programs in the user's cache folder, unless the user set a folder or switched it off.

    Without a folder that belongs to the user alone, nothing is stored.
    """
    import jax

    settings: Any = jax.config  # which declares no attributes
    if settings.jax_compilation_cache_dir or not settings.jax_enable_compilation_cache:
        return
    folder = private_folder(FOLDER)
    if folder is None:
        return
    # A damaged file or a full disk means that a program is compiled again, as without the folder.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache", UserWarning)
    jax.config.update("jax_compilation_cache_max_size", MAX_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", MIN_SECONDS)
    jax.config.update("jax_compilation_cache_dir", str(folder))


def bound_worker_threads() -> None:
    """Let JAX use as many threads in a worker of joblib as joblib gives it, before JAX starts.

    joblib divides the cores among its workers and sets OMP_NUM_THREADS. JAX reads NPROC; without it, it takes every
    core.
    """
    processes = sys.modules.get("multiprocessing")  # imported in every worker
    if processes is None or not processes.current_process().name.startswith(WORKER):
        return
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal():
        os.environ.setdefault("NPROC", threads)
