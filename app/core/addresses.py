"""Which addresses are called for users: nobody reaches the inside of the network by them."""

import asyncio
import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """The name is unknown, or one of its addresses is not public; the text says which."""


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """An address of the host that may be called.

    The caller must connect to this very address: a second look-up may answer differently.
    Raises: AddressRefused.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise AddressRefused(f"The host {host!r} is not known: {reason}.") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allow_private and not is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise AddressRefused(
                f"{host} has the address {address}, which is not public. An administrator can allow"
                " private addresses (allow_private_addresses)."
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
