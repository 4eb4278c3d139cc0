"""What the pages load lies in this repository, unchanged and named by its content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device_gateway.api import pages

ROOT = Path(__file__).parents[4]
FOLDERS = (Path(pages.__file__).parent / "assets", ROOT / "tests" / "browser" / "vendor")
ENTRY = re.compile(
    r"^\| `(?P<file>[^`]+)` \| .+ \| (?P<version>[0-9.]+) \| [^|]*`(?P<licence>LICENSE[^`]*)`"
    r" \| `(?P<digest>[0-9a-f]{64})` \|$",
    re.MULTILINE,
)


def entries() -> Iterator[tuple[Path, re.Match[str]]]:
    for folder in FOLDERS:
        for entry in ENTRY.finditer((folder / "VENDORED.md").read_text(encoding="utf-8")):
            yield folder, entry


@pytest.mark.parametrize(("folder", "entry"), [
    pytest.param(folder, entry, id=entry["file"]) for folder, entry in entries()
])  # fmt: skip
def test_a_file_from_elsewhere_is_the_one_that_is_named(folder: Path, entry: re.Match[str]) -> None:
    content = (folder / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["digest"]
    assert (folder / entry["licence"]).stat().st_size > 100


def test_no_file_from_elsewhere_is_without_its_entry() -> None:
    named = {(folder, entry["file"]) for folder, entry in entries()}
    foreign = {
        (folder, path.name)
        for folder in FOLDERS
        for path in folder.iterdir()
        if ".min." in path.name or path.suffix == ".wasm"
    }
    assert foreign <= named


def test_no_page_loads_anything_from_another_server() -> None:
    """Nor carries a script or a style of its own: the policy would not let it run."""
    for path in sorted((Path(pages.__file__).parent / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", text), path.name
        assert not re.search(r"""\sstyle=|<style|\son[a-z]+=|javascript:""", text), path.name
        inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text)
        assert all('type="application/json"' in tag for tag in inline), path.name


async def test_an_asset_may_be_kept_for_ever_under_its_address(rig: Any) -> None:
    page = await rig.http.get("/stores/berlin/till/pair")
    address = re.search(r'href="([^"]+till\.css\?v=[0-9a-f]+)"', page.text)
    assert address
    answer = await rig.http.get(address[1], headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await rig.http.get(address[1], headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["VENDORED.md", "LICENSE-htmx.txt", "..%2fshell.py", "none.js"])
async def test_nothing_but_assets_is_served(rig: Any, name: str) -> None:
    answer = await rig.http.get(f"/stores/berlin/till/assets/{name}")
    assert answer.status_code == 404
