"""The program's life: it serves, projects, echoes over the bus, stops in order, survives a kill."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from kassenverbund.postgres import _works_in
from kassenverbund.testing.process import Program

Eventually = Callable[[Callable[[], Any], Any], None]

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).parent / "sample"

STOP_S = 10.0
"""What the design promises."""


@pytest.fixture(scope="module")
def served() -> Iterator[Program]:
    """One running program for the tests that only look."""
    made = Program(chain=ROOT / "chain.yaml", environment={"PYTHONPATH": str(SAMPLE)})
    made.start("serve", "notebook")
    yield made
    made.remove()


def write(client: httpx.Client, key: str, text: str = "hello", author: str = "anna") -> Any:
    answer = client.post(
        "/notebook/v1/notes",
        json={"author": author, "text": text},
        headers={"Idempotency-Key": key},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def counts(client: httpx.Client, author: str = "anna") -> Callable[[], Any]:
    return lambda: client.get(f"/notebook/v1/counts/{author}").json()


def servers(var: Path) -> list[psutil.Process]:
    folder = var.resolve() / "postgres"
    return [process for process in psutil.process_iter() if _works_in(process, folder)]


def test_a_note_is_stored_counted_and_echoed_over_the_bus(
    program: Program, eventually: Eventually
) -> None:
    program.start("serve", "notebook")
    with program.client(program.token("cashier")) as client:
        assert write(client, "k1")["repeated"] is False
        assert write(client, "k1")["repeated"] is True

        eventually(counts(client), {"notes": 1, "echoes": 1})

    code, logged, _ = program.stop()
    assert code == 0, logged
    assert servers(program.var) == []


def test_without_a_token_nothing_but_health_schemas_and_keys_answers(served: Program) -> None:
    with served.client() as client:
        document = client.get("/openapi.json").json()
        assert client.get("/health/live").json() == {"status": "live"}
        assert client.get("/health/ready").json() == {"status": "ready"}
        assert client.get("/.well-known/jwks.json").json()["keys"][0]["alg"] == "ES256"
        assert client.get("/schemas").json() == {"notebook": []}
        for path, methods in document["paths"].items():
            if path.startswith("/notebook/"):
                for method in methods:
                    answer = client.request(method.upper(), path.replace("{author}", "a"))
                    assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")
                    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_service_calls_a_service_as_itself(served: Program) -> None:
    with served.client(served.token("cashier")) as client:
        assert client.get("/notebook/v1/me-by-http").json() == {
            "kind": "service",
            "id": "notebook",
            "roles": ["service"],
        }


def test_a_role_that_is_missing_is_forbidden(served: Program) -> None:
    with served.client(served.token("cashier")) as client:
        answer = client.post("/notebook/v1/crash")

    assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden")


def test_https_is_the_default_and_plain_http_is_not_answered(served: Program) -> None:
    assert served.base_url.startswith("https://")
    with pytest.raises(httpx.HTTPError):
        httpx.get(served.base_url.replace("https://", "http://") + "/health/live", timeout=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_takes_less_than_ten_seconds_with_open_connections(
    program: Program, number: int
) -> None:
    program.start("serve", "notebook")
    token = program.token("cashier")
    asked = threading.Event()

    def ask() -> None:
        with program.client(token) as client:
            asked.set()
            with contextlib.suppress(httpx.HTTPError):  # cut off by the stop, as expected
                client.get("/notebook/v1/slow")

    running = threading.Thread(target=ask)
    running.start()
    asked.wait(10)
    idle = _connect(program)
    half = _connect(program)
    half.sendall(b"POST /notebook/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Le")
    time.sleep(0.5)  # so that the slow request is really running in the server

    code, logged, took = program.stop(number)

    assert code == 0, logged
    assert took < STOP_S
    assert servers(program.var) == []
    for connection in (idle, half):
        connection.close()
    running.join(10)


def _connect(program: Program) -> ssl.SSLSocket:
    host, port = program.base_url.removeprefix("https://").split(":")
    trust = ssl.create_default_context(cafile=str(program.var / "tls" / "ca.pem"))
    return trust.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)


def test_after_a_kill_nothing_that_was_answered_is_lost_and_the_rest_goes_on(
    program: Program, eventually: Eventually
) -> None:
    program.start("serve", "notebook")
    token = program.token("cashier")
    answered: list[str] = []
    lock = threading.Lock()

    def sell(worker: int) -> None:
        with program.client(token) as client:
            for number in range(10_000):
                key = f"{worker}-{number}"
                try:
                    write(client, key)
                except httpx.HTTPError:
                    return
                with lock:
                    answered.append(key)

    workers = [threading.Thread(target=sell, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    eventually(lambda: len(answered) > 50, True)
    program.kill()
    for worker in workers:
        worker.join(20)

    program.start("serve", "notebook")
    with program.client(token) as client:
        # Answered before the kill: decided, so asked again it is a repeat.
        assert all(write(client, key)["repeated"] for key in answered)
        stored = counts(client)()["notes"]
        eventually(lambda: counts(client)()["notes"] == counts(client)()["echoes"], True)
        stored = counts(client)()["notes"]
    # At most one request per worker was on its way when the program was killed.
    assert len(answered) <= stored <= len(answered) + len(workers)
    code, logged, _ = program.stop()
    assert code == 0, logged
    verified = program.call("verify", "notebook", "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["whole"] is True


def test_a_crashed_task_stops_the_process_with_the_reason(program: Program) -> None:
    program.start("serve", "notebook")
    with program.client(program.token("operator")) as client:
        client.post("/notebook/v1/crash")

    assert program.process is not None
    _, logged = program.process.communicate(timeout=STOP_S)
    assert program.process.returncode == 1
    assert "the watch has failed" in logged
    assert servers(program.var) == []


def test_a_projection_that_can_not_go_on_stops_the_process(program: Program) -> None:
    program.start("serve", "notebook")
    with program.client(program.token("cashier")) as client:
        write(client, "k1", text="break the projection")

    assert program.process is not None
    _, logged = program.process.communicate(timeout=STOP_S)
    assert program.process.returncode == 1
    assert "projection note_counts" in logged
    assert "this note can't be counted" in logged


def test_a_port_that_is_taken_is_told(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        program.environment["KASSENVERBUND_PORT"] = str(taken.getsockname()[1])
        done = program.call("serve", "notebook")

    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert servers(program.var) == []


def test_another_root_key_does_not_open_the_database(program: Program) -> None:
    program.start("serve", "notebook")
    program.stop()
    (program.var / "secrets" / "root.key").write_bytes(b"x" * 32)

    done = program.call("serve", "notebook")

    assert done.returncode == 1
    assert "root_key" in done.stderr


def test_a_head_without_end_is_cut_off(served: Program) -> None:
    connection = _connect(served)
    connection.settimeout(10)
    connection.sendall(b"GET /health/live HTTP/1.1\r\nX: ")
    received = b""
    try:
        for _ in range(64):
            connection.sendall(b"x" * 4096)
            time.sleep(0.005)
        received = connection.recv(4096)
    except OSError:
        received = received or b"closed"
    finally:
        connection.close()

    assert received.startswith((b"HTTP/1.1 400", b"closed"))
