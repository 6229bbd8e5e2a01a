"""How well the parts do, measured.

Every module has ``run(*, quick, seed, ...) -> dict[str, float]``: measure to value. ``quick`` runs
the same code on less.
"""
