"""Why the server closes a socket; part of the AsyncAPI document."""

from enum import IntEnum


class CloseCode(IntEnum):
    """The codes that we choose; 1000 to 1015 have their meaning from RFC 6455."""

    TOO_BIG = 1009
    TRY_AGAIN = 1013
    RECONNECT = 4000
    SLOW = 4008
    MALFORMED = 4400
    CREDENTIAL_ENDED = 4401
    RIGHTS_LOST = 4403
    FLOODING = 4429


MEANING: dict[CloseCode, str] = {
    CloseCode.TOO_BIG: "A message of the client was over 16 KiB.",
    CloseCode.TRY_AGAIN: "The topic of this address could not be read now: connect again later.",
    CloseCode.RECONNECT: "The socket reached its maximum lifetime: connect again and resume.",
    CloseCode.SLOW: "The client read too slowly twice within 10 s. Resume by the last number.",
    CloseCode.MALFORMED: "The client sent 20 frames that could not be understood.",
    CloseCode.CREDENTIAL_ENDED: "The token or session expired or was revoked: log in again.",
    CloseCode.RIGHTS_LOST: "The topic of this address may no longer be watched.",
    CloseCode.FLOODING: "The client sent more than 50 frames a second for several seconds.",
}
