"""Firefox as the system has it, driven by WebDriver BiDi over its own socket: no driver program.

https://w3c.github.io/webdriver-bidi/ has the commands.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import websocket


class Firefox:
    def __init__(self, program: str, profile: Path, width: int = 1280, height: int = 900) -> None:
        self.process = subprocess.Popen(
            [program, "--headless", "--no-remote", "--profile", str(profile),
             "--remote-debugging-port", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        assert self.process.stderr is not None
        found = None
        for line in self.process.stderr:
            if found := re.search(r"WebDriver BiDi listening on (\S+)", line):
                break
        assert found, "Firefox ended before it listened"
        self.socket = websocket.create_connection(f"{found[1]}/session", suppress_origin=True)
        self.numbers = itertools.count(1)
        self.errors: list[str] = []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        contexts = self.command("browsingContext.getTree")["contexts"]
        self.context = contexts[0]["context"]
        viewport = {"width": width, "height": height}
        self.command("browsingContext.setViewport", context=self.context, viewport=viewport)

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                result: dict[str, Any] = answer["result"]
                return result
            if answer.get("params", {}).get("level") in ("error", "warn"):
                self.errors.append(answer["params"]["text"])

    def open(self, address: str) -> None:
        self.errors.clear()
        self.command("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        answer = self.command(
            "script.evaluate", target={"context": self.context}, awaitPromise=True,
            expression=f"(async () => JSON.stringify(await ({expression})) ?? 'null')()",
        )  # fmt: skip
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def press(self, key: str) -> None:
        """Press a key, named by its code point in WebDriver."""
        strokes = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": strokes}
        self.command("input.performActions", context=self.context, actions=[keyboard])

    def close(self) -> None:
        self.command("browser.close")
        self.socket.close()
        self.process.communicate(timeout=20)
