"""A real browser that works the pages which the program writes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
browsing = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium; install Debian's package of this name"
)


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A container's root has no sandbox.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def quiet_tab(browser: Any, *, files: int = 1, **options: Any) -> Iterator[Any]:
    """A tab whose pages must make no request and print nothing to the console.

    Args:
        browser: from `launched`.
        files: how many pages the test opens at most.
        options: of the browser's context, e.g. ``color_scheme="dark"``.
    """
    context = browser.new_context(**options)
    tab = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("dialog", lambda dialog: complaints.append(dialog.message))
    tab.on("request", lambda request: requests.append(request.url))
    yield tab
    context.close()
    assert complaints == [], complaints
    assert {url.split(":")[0] for url in requests} <= {"file", "data", "blob"}
    assert sum(url.startswith("file:") for url in requests) <= files


def wait_until(tab: Any, expression: str, arg: Any = None, *, seconds: float = 30) -> None:
    """Wait until a JavaScript expression, or a function of `arg`, is true in the open page.

    Playwright's own `wait_for_function` evaluates a string within the page when it is not true at
    once, which the pages' content security policy forbids.
    """
    last = time.monotonic() + seconds
    while not tab.evaluate(expression, arg):
        assert time.monotonic() < last, f"not true within {seconds:g} s: {expression}"
        tab.wait_for_timeout(50)


def serious_violations(tab: Any) -> list[str]:
    """What axe-core finds on the open page that is serious or critical, a sentence each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab).response["violations"]
    return [
        f"{each['id']}: {each['help']} ({each['nodes'][0]['html']})"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
