"""Which addresses an action may call: nobody reaches the inside of the network through a worker."""

from app.core import addresses
from app.core.addresses import is_public
from workers.actions.base import ActionFailed

__all__ = ["is_public", "resolve"]


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """As `app.core.addresses.resolve`, for a step.

    Raises:
        ActionFailed: the name is unknown, or one of its addresses is not public.
    """
    try:
        return await addresses.resolve(host, port, allow_private=allow_private)
    except addresses.AddressRefused as error:
        raise ActionFailed(str(error)) from None
