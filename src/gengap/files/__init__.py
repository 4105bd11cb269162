"""Files on disk: atomic writes, limits on what is read, and locks."""
