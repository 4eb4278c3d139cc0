"""What an inspector does with the books of a chain: prove the log, take the exports, check the
receipts. Played over the demo's sales."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Program

STORES = ("berlin", "koeln", "hamburg")


@pytest.mark.slow
async def test_what_the_demo_signed_stands_up_to_an_inspection(tmp_path: Path) -> None:
    books = Program(tmp_path / "books", arguments=("serve", "fiscal-signer"))
    done = books.cli("demo", "--json", "--keep", str(books.var), timeout_s=170)
    assert done.returncode == 0, done.stderr[-3000:]
    played = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    codes = [line["signature"]["qr"] for line in played if "booking_id" in line]
    assert verified(books, *codes)["right"] == len(codes)
    # Each booking was started and finished, and each TSE introduced itself and its tills.
    assert verified(books, "log")["right"] > 2 * len(codes)

    exports = await downloaded(books)
    assert exports == await downloaded(books)
    for store, content in exports.items():
        file = tmp_path / f"{store}.tar"
        file.write_bytes(content)
        root = tmp_path / "root.cer"
        root.write_bytes(last_certificate(file))
        assert verified(books, str(file), "--root", str(root))["note"] == 2  # not certified
        file.write_bytes(content.replace(b"StartTransaction", b"StarrTransaction", 1))
        refused = books.cli("fiscal", "verify", str(file), "--json")
        assert refused.returncode == 1


async def downloaded(books: Program) -> dict[str, bytes]:
    """The exports of all TSEs, from a program that was just started."""
    books.start()
    try:
        await books.ready()
        headers = {"authorization": f"Bearer {books.token('auditor')}"}
        found = {}
        async with books.client() as client:
            for store in STORES:
                path = f"/fiscal-signer/v1/tses/tse-{store}/tar"
                answer = await client.get(path, headers=headers)
                assert answer.status_code == 200, answer.text
                found[store] = answer.content
        return found
    finally:
        books.stop()


def last_certificate(file: Path) -> bytes:
    """The chain's end: the root, as the inspector would have got it on paper."""
    with tarfile.open(file) as archive:
        name = [one for one in archive.getnames() if one.endswith("_X509.cer")][-1]
        opened = archive.extractfile(name)
        assert opened is not None
        return opened.read()


def verified(books: Program, *arguments: str) -> dict[str, Any]:
    done = books.cli("fiscal", "verify", *arguments, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, [line for line in lines if line.get("verdict") != "right"]
    last: dict[str, Any] = lines[-1]
    return last
