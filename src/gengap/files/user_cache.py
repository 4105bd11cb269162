"""The folder in which gengap keeps files that it can make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path

OTHERS_WRITE = 0o022  # the permission bits of group and others


def cache_folder() -> Path:
    """Return the folder: GENGAP_CACHE, or the user's cache folder."""
    import platformdirs

    chosen = os.environ.get("GENGAP_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("gengap"))


def private_folder(name: str) -> Path | None:
    """Return a folder in the cache folder, made if necessary, that only this user can change; or None.

    The path is absolute: from another working folder a relative one would be a folder that was not checked. On
    Windows the user's cache folder is protected by its access list, which is not checked.
    """
    folder = cache_folder().absolute() / name
    try:
        for path in (folder.parent, folder):  # a mode does not count for parents
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = all(_is_private(path) for path in (folder, folder.parent)) and os.access(folder, os.W_OK)
    except (OSError, RuntimeError):  # no home, no room, no permission
        return None
    return folder if private else None


def _is_private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return not folder.is_symlink()
    found = folder.lstat()  # of a link: its own, which is no folder
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and found.st_uid == os.getuid()
        and not found.st_mode & OTHERS_WRITE
    )
