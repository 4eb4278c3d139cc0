"""The camera of a tablet reads a code, and the till's sale hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio
import segno
from playwright.async_api import async_playwright

from kassenverbund.kit.code_format import check_symbol
from tests.browser.harness import FLAGS, Shop, Till

WIDTH, HEIGHT = 640, 480
CODE = "V7F3K0Q2M9X4B6D"
CODE += check_symbol(CODE)


def film(path: Path, text: str) -> Path:
    """What the camera sees: a code on white paper, as uncompressed video."""
    rows = [list(row) for row in segno.make_qr(text, error="m").matrix_iter(scale=8, border=4)]
    top, left = (HEIGHT - len(rows)) // 2, (WIDTH - len(rows[0])) // 2
    light = bytearray(b"\xeb" * (WIDTH * HEIGHT))
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                light[(top + y) * WIDTH + left + x] = 0x10
    frame = b"FRAME\n" + bytes(light) + b"\x80" * (WIDTH * HEIGHT // 2)
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420\n".encode() + frame * 3)
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def filmed(shop: Shop, chromium: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """The same shop before a browser whose camera looks at a voucher."""
    seen = film(tmp_path / "code.y4m", CODE)
    flags = (
        *FLAGS,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={seen}",
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(flags))
        yield replace(shop, browser=browser)
        await browser.close()


async def test_the_camera_reads_a_code_and_the_till_hears_of_it(filmed: Shop) -> None:
    till: Till = await filmed.till(language="de", size="tablet")
    other = await till.context.new_page()
    await other.goto(f"{till.home}/shift")
    await other.evaluate(
        "() => document.addEventListener('kv:scan', (e) => { window.heard = e.detail; })"
    )
    await other.wait_for_function("() => !document.documentElement.matches('.kv-offline')")
    await till.go("camera")
    await till.page.wait_for_selector("#camera[data-kind='own_voucher']", timeout=20_000)
    heard = await other.wait_for_function("() => window.heard", timeout=10_000)
    scan = await heard.json_value()
    assert (scan["device"], scan["kind"], scan["label"]) == (
        "camera",
        "own_voucher",
        f"…{CODE[-4:]}",
    )
    assert CODE not in str(scan)
    assert CODE not in await till.page.content()
    await till.shot("camera")
    await till.accessible()
    await till.close()


async def test_only_the_camera_s_page_lets_web_assembly_run(shop: Shop) -> None:
    till = await shop.till()
    for path, allowed in (("camera", True), ("shift", False)):
        answer = await till.page.goto(f"{till.home}/{path}")
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert ("'wasm-unsafe-eval'" in policy) is allowed
        assert "'unsafe-inline'" not in policy
    await till.close()
