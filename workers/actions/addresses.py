"""Which addresses an action may call: nobody reaches the inside of the network through a worker."""

import asyncio
import ipaddress
import socket

from workers.actions.base import ActionFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """An address of the host that may be called.

    The caller must connect to this very address: a second look-up may answer differently.

    Raises:
        ActionFailed: the name is unknown, or one of its addresses is not public.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ActionFailed(f"The host {host!r} is not known: {error.strerror}.") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allow_private and not is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise ActionFailed(
                f"{host} has the address {address}, which is not public. An administrator can allow"
                " private addresses for this worker (allow_private_addresses)."
            )
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could call this address too."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if embedded is not None:
            return is_public(embedded)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
