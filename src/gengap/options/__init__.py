"""The options of a study: two specifications, and the command line made from their fields.

Nothing here imports a large package, so that `gengap --help` is quick.
"""
