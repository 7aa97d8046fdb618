"""A headless Chromium, driven over its DevTools protocol."""

import asyncio
import contextlib
import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect


class Browser:
    """One page of one browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self.problems: list[str] = []
        """Errors in the console, except refused requests; see `watch_console`."""

    async def watch_console(self) -> None:
        """Collect what the page writes as errors from now on."""
        await self.call("Runtime.enable")
        await self.call("Log.enable")

    def _hear(self, event: dict[str, Any]) -> None:
        more = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(more["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if more["type"] == "error":
                self.problems.append(json.dumps(more["args"]))
            case "Log.entryAdded" if more["entry"]["level"] == "error":
                # That a request was refused is for the page to tell, not for the console.
                if more["entry"]["source"] != "network":
                    self.problems.append(more["entry"]["text"])

    async def press(self, key: str) -> None:
        """Press and release a key: `Tab`, `Enter`."""
        codes = {"Tab": 9, "Enter": 13}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
                **(text if kind == "keyDown" else {}),
            )

    async def type(self, text: str) -> None:
        """Write into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a DevTools command and return its result."""
        number = next(self._ids)
        await self._connection.send(
            json.dumps({"id": number, "method": method, "params": parameters})
        )
        async with asyncio.timeout(30):
            while True:
                answer = json.loads(await self._connection.recv())
                self._hear(answer)
                if answer.get("id") == number:
                    assert "error" not in answer, answer
                    result: dict[str, Any] = answer["result"]
                    return result

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str, wanted: Any) -> None:
        """Return once the expression has this value."""
        found = None
        try:
            async with asyncio.timeout(30):
                while (found := await self.evaluate(expression)) != wanted:  # noqa: ASYNC110  polled
                    await asyncio.sleep(0.05)
        except TimeoutError:
            page = await self.evaluate("document.body.innerText")
            pytest.fail(f"{expression} is {found!r}, not {wanted!r}; the page shows:\n{page}")


@contextlib.asynccontextmanager
async def open_browser(folder: Path) -> Any:
    """A browser with an empty profile in `folder`; skips where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    options = (
        "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
        "--disable-background-networking --disable-extensions --remote-debugging-port=0"
    )
    process = subprocess.Popen(  # noqa: ASYNC220, S603  returns at once; own arguments
        [program, *options.split(), f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = await _port(folder / "DevToolsActivePort")
        async with httpx.AsyncClient() as client:
            pages = (await client.get(f"http://127.0.0.1:{port}/json/list")).json()
        address = next(page for page in pages if page["type"] == "page")["webSocketDebuggerUrl"]
        async with connect(address, max_size=None, proxy=None) as connection:
            yield Browser(connection)
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


async def _port(path: Path) -> int:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
                return int(path.read_text().splitlines()[0])  # noqa: ASYNC240  two short lines
            await asyncio.sleep(0.05)
