"""Failures that say when to try again."""


class TryLater(Exception):
    """It did not work this time; it may later.

    `after_s`: whoever refused asks for a pause of so many seconds; None: it did not say.
    """

    def __init__(self, text: str, *, after_s: float | None = None) -> None:
        super().__init__(text)
        self.after_s = after_s
