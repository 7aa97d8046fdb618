"""Slows down guessing: failed log-ins per name and per address."""

from app.auth.errors import TooManyLogins
from app.core.rate_limit import RateLimit
from app.core.redis import Namespaces

PER_NAME, PER_ADDRESS, WINDOW_S = 10, 50, 300


class LoginThrottle:
    """Counts failures only: who knows the password is not disturbed by a slow guesser's traffic.

    A name that is under attack is closed for the rest of the window, whoever asks.
    """

    def __init__(self, redis: Namespaces) -> None:
        self._limits = (
            RateLimit(redis, "login-name", limit=PER_NAME, window_s=WINDOW_S),
            RateLimit(redis, "login-address", limit=PER_ADDRESS, window_s=WINDOW_S),
        )

    async def check(self, name: str, address: str) -> None:
        """Raises: TooManyLogins."""
        for limit, subject in zip(self._limits, (name.casefold(), address), strict=True):
            await self._refuse_exceeded(limit, subject)

    async def _refuse_exceeded(self, limit: RateLimit, subject: str) -> None:
        if await limit.is_exceeded(subject):
            wait_s = limit.retry_after_s
            raise TooManyLogins(f"try again in {wait_s} s", headers={"Retry-After": str(wait_s)})

    async def failed_from(self, address: str) -> None:
        """Count a failure that concerns no name."""
        await self._limits[1].count(address)

    async def check_address(self, address: str) -> None:
        """Raises: TooManyLogins."""
        await self._refuse_exceeded(self._limits[1], address)

    async def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        for limit, subject in zip(self._limits, (name.casefold(), address), strict=True):
            await limit.count(subject)
