"""Garbage collection in processes that run for long."""

import gc

_YOUNG = 10_000


def settle() -> None:
    """Leave what the start has made out of all later collections, and collect more rarely.

    Modules, routes, mappers and statements are 300,000 objects that stay. To look through them
    takes over 0.1 s, and nothing else runs meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)
