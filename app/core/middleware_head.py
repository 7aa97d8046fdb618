"""HEAD wherever there is GET (RFC 9110, 9.3.2): the same answer without its body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _HeadIsOut(Exception):
    """Everything that a HEAD asks for was sent; what streams need not go on."""


class HeadRequests:
    """Asks the application for what a GET gives and sends the start of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_start(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({"type": "http.response.body", "body": b""})
            if message.get("more_body"):
                raise _HeadIsOut

        try:
            await self.app({**scope, "method": "GET"}, receive, send_start)
        except* _HeadIsOut:
            pass
