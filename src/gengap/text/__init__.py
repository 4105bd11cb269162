"""Texts that people read: the message catalogue, its languages, and escaped HTML."""
