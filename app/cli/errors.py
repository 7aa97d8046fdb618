"""How a command fails: one sentence that says what is wrong and what to do next."""

from typing import Final

SUCCESS: Final = 0
FAILURE: Final = 1
INVALID: Final = 2
CANCELLED: Final = 130


class CommandFailed(Exception):
    """Ends the command with a sentence on standard error.

    Parameters: `exit_code` is 1 for what failed, 2 for a file or option that is invalid.
    """

    def __init__(self, message: str, *, exit_code: int = FAILURE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
