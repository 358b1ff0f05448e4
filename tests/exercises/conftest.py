"""For the tests of exercises: the page's own scripts, in a browser."""

import pytest
import rendered_pages as pages

SCRIPTS = pages.ROOT / "book" / "_static" / "exercises"


@pytest.fixture(scope="module")
def scripts():
    """An empty page with the scripts that judge and keep; `page.evaluate` runs JavaScript in it."""
    if pages.browser_command() is None:
        pytest.skip(pages.NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=pages.browser_command(), args=[*pages.QUIET, pages.OFFLINE]
        )
        opened = started.new_page()
        for name in ("reading", "judge", "record"):
            opened.add_script_tag(path=str(SCRIPTS / f"{name}.js"))
        yield opened
        started.close()
