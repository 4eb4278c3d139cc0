"""A terminal's password lies in a file, and a line is opened with what stands there by then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from device_gateway.adapters.zvt.passwords import AS_DELIVERED, passwords_in
from device_gateway.adapters.zvt.session import ZvtLink
from device_gateway.terminal.ports import TerminalAway, TerminalDevice
from device_gateway.testing.terminal import TerminalSimulator
from device_gateway.testing.terminals import QUICK


@pytest_asyncio.fixture(loop_scope="session")
async def terminal() -> AsyncIterator[TerminalSimulator]:
    async with TerminalSimulator(password="472911") as made:
        yield made


async def register(terminal: TerminalSimulator, folder: Path | None) -> None:
    link = ZvtLink(patience=QUICK, password_of=passwords_in(folder))
    session = await link.open(TerminalDevice("ec-1", "berlin", terminal.address))
    await session.close()


async def test_a_terminal_registers_with_the_password_of_its_file(
    terminal: TerminalSimulator, tmp_path: Path
) -> None:
    (tmp_path / "password.ec-1").write_text("472911\n")
    (tmp_path / "password").write_text("111111")
    await register(terminal, tmp_path)


async def test_a_terminal_without_a_file_of_its_own_has_the_common_one(
    terminal: TerminalSimulator, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("472911")
    await register(terminal, tmp_path)


async def test_a_terminal_that_is_told_another_password_is_away(
    terminal: TerminalSimulator, tmp_path: Path
) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(TerminalAway, match="did not register"):
            await register(terminal, folder)


async def test_a_new_password_needs_no_new_start(
    terminal: TerminalSimulator, tmp_path: Path
) -> None:
    link = ZvtLink(patience=QUICK, password_of=passwords_in(tmp_path))
    device = TerminalDevice("ec-1", "berlin", terminal.address)
    with pytest.raises(TerminalAway):
        await link.open(device)
    (tmp_path / "password.ec-1").write_text("472911")
    await (await link.open(device)).close()


@pytest.mark.parametrize("wrong", ["12345", "geheim", "4729110", "", "47291\u0661"])
def test_what_is_no_password_is_told_without_telling_it(
    tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "password.ec-1").write_text(wrong, "utf-8")
    with pytest.raises(TerminalAway) as away:
        passwords_in(tmp_path)(TerminalDevice("ec-1", "berlin", "host:20007"))
    assert not wrong or wrong not in f"{away.value}{away.value.extra}{caplog.text}"


def test_without_a_folder_terminals_are_as_they_were_delivered() -> None:
    assert passwords_in(None)(TerminalDevice("ec-1", "berlin", "host:20007")) == AS_DELIVERED
