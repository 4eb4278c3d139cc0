"""From `chain.yaml` and the settings to the devices."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from fiscal_signer.adapters.tses import TsesByKind, fiskaly_of
from fiscal_signer.ports import AlreadyDone, RegisterClient, TseError, TseFault
from fiscal_signer.testing import Clock
from fiscal_signer.testing.fiskaly_line import KEY, PIN, SECRET, TSE, TSS_ID, Line
from kassenverbund.kit.chain import Chain, Tse
from kassenverbund.kit.service import FiskalyAccess
from kassenverbund.settings import Settings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def chain() -> Chain:
    """The example chain, with a TSS of fiskaly in Berlin."""
    declared = yaml.safe_load((ROOT / "chain.yaml").read_text())
    declared["stores"][0]["tses"] = [{"id": TSE, "kind": "fiskaly", "tss_id": str(TSS_ID)}]
    return Chain.model_validate(declared)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for name, text in {"api_key": KEY, "api_secret": SECRET, f"admin_pin.{TSE}": PIN}.items():
        (tmp_path / name).write_text(f"{text}\n")
    return tmp_path


async def fault_of(opening: Callable[[str], Awaitable[object]]) -> TseError:
    with pytest.raises(TseFault) as fault:
        await opening(TSE)
    return fault.value.code


async def test_a_declared_tss_is_reached_with_the_keys_of_the_folder(
    chain: Chain, secrets: Path, line: Line
) -> None:
    fiskaly = fiskaly_of(chain, FiskalyAccess(line.url, secrets), line.clock)
    tse = await TsesByKind({TSE: "fiskaly"}, {"fiskaly": fiskaly.tses}).open(TSE)
    assert await tse.execute([RegisterClient("KV-berlin-1")]) == [AlreadyDone()]
    assert len(line.tss.clients) == 1
    await fiskaly.close()


async def test_without_keys_the_device_is_out_and_the_program_starts(chain: Chain) -> None:
    fiskaly = fiskaly_of(chain, None, Clock())
    assert await fault_of(fiskaly.tses.open) is TseError.USER_NOT_AUTHENTICATED


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff\xfe", b"x" * 5_000])
async def test_a_broken_key_file_is_told_without_what_stands_in_it(
    chain: Chain, secrets: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (secrets / "api_secret").write_bytes(content)
    with caplog.at_level(logging.ERROR):
        fiskaly = fiskaly_of(chain, FiskalyAccess("https://example.invalid", secrets), Clock())
    assert await fault_of(fiskaly.tses.open) is TseError.USER_NOT_AUTHENTICATED
    assert "api_secret" in caplog.text
    assert "lines" not in caplog.text


async def test_a_tse_that_is_not_declared_is_not_opened() -> None:
    assert await fault_of(TsesByKind({}, {}).open) is TseError.NOT_INITIALIZED


@pytest.mark.parametrize(
    "declared",
    [
        {"id": "t", "kind": "fiskaly"},
        {"id": "t", "kind": "software", "tss_id": str(TSS_ID)},
        {"id": "t", "kind": "fiskaly", "tss_id": str(TSS_ID), "curve": "P-384"},
        {"id": "t", "kind": "fiskaly", "tss_id": "not a uuid"},
    ],
)
def test_a_declaration_that_does_not_hang_together_is_refused(declared: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Tse.model_validate(declared)


def test_one_tss_is_declared_once(chain: Chain) -> None:
    declared = chain.model_dump(mode="json")
    declared["stores"][1]["tses"] = [{"id": "again", "kind": "fiskaly", "tss_id": str(TSS_ID)}]
    with pytest.raises(ValidationError, match="TSS of fiskaly"):
        Chain.model_validate(declared)


def test_fiskaly_is_reached_by_https() -> None:
    with pytest.raises(ValidationError, match="https"):
        Settings(fiskaly_url="http://kassensichv-middleware.fiskaly.com/api/v2")


def test_access_does_not_show_its_keys(chain: Chain, secrets: Path) -> None:
    access = FiskalyAccess("https://example.invalid", secrets)
    assert SECRET not in repr(access)
    assert SECRET not in repr(vars(fiskaly_of(chain, access, Clock()).tses))
