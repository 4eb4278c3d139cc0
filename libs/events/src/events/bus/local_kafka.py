"""A real Apache Kafka on this machine without Docker, for tests, benchmarks and `make kafka`.

One node in KRaft mode (broker and controller in one Java process), from the jars that Maven
resolves for `deploy/kafka/pom.xml`. Nothing is encrypted or replicated: never a store's or a
chain's broker.

    python -m events.bus.local_kafka --data var/kafka --port 9092
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RESOLVE_S = 600.0
"""How long Maven may take to bring the jars (once; later runs find them in the folder)."""

START_S = 90.0
"""How long the broker may take until it answers."""

STOP_S = 20.0
"""How long an orderly stop may take before the process is killed."""

HEAP_MIB = 512

_API_VERSIONS_REQUEST = struct.pack(">hhih", 18, 0, 1, -1)
"""The Kafka protocol's ApiVersions (key 18, version 0, correlation 1, no client id)."""


class KafkaUnavailable(Exception):
    """A local broker can't be had here; the message says what is missing."""


def resolve_jars(pom: Path, folder: Path) -> Path:
    """Have Maven copy the broker's jars into `folder`, unless this `pom` was resolved there before.

    Safe to call from several processes. Raises `KafkaUnavailable` without Maven or network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "resolved"
    with locked(folder / "lock"):
        if done.exists() and done.read_bytes() == pom.read_bytes():
            return folder
        maven = shutil.which("mvn")
        if maven is None:
            raise KafkaUnavailable("Maven (mvn) is not installed, and the jars are not there yet")
        for old in folder.glob("*.jar"):
            old.unlink()
        run = subprocess.run(  # noqa: S603  (a program found on PATH, fixed arguments)
            [
                maven, "--batch-mode", "--no-transfer-progress", "--file", str(pom),
                "dependency:copy-dependencies", "-DincludeScope=runtime",
                f"-DoutputDirectory={folder.resolve()}",
            ],
            capture_output=True, text=True, timeout=RESOLVE_S, check=False,
        )  # fmt: skip
        if run.returncode != 0:
            raise KafkaUnavailable(f"Maven did not bring the jars:\n{run.stdout[-2000:]}")
        done.write_bytes(pom.read_bytes())
    return folder


class LocalKafka:
    """One broker. `start`, `stop`, `kill` (as a power cut would) and `restart` keep its data.

    Ports are free ones unless given, and stay the same over restarts, so clients find it again.
    All methods block; run them in a thread next to an event loop.
    """

    def __init__(
        self,
        data: Path,
        *,
        jars: Path,
        port: int | None = None,
        log4j: Path | None = None,
        far: tuple[int, int] | None = None,
    ) -> None:
        """`far`: a second door for clients on another line: the port on which the broker listens
        for them, and the port under which they find it (a proxy's)."""
        self._far = far
        self.data = data
        self.port = port or free_port()
        self._controller_port = free_port()
        self._jars = jars
        self._log4j = log4j
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Format the storage if it is new, start, and return when the broker answers.

        Raises `KafkaUnavailable` with the end of the broker's own log when it does not.
        """
        assert not self.running
        java = _java()
        self.data.mkdir(parents=True, exist_ok=True)
        settings = self._write_settings()
        if not (self.data / "log" / "meta.properties").exists():
            self._format(java, settings)
        with (self.data / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (java from PATH, own arguments)
                self._command(java, "kafka.Kafka", str(settings)),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._wait_until_it_answers()

    def stop(self) -> None:
        """An orderly stop. Twice is fine."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> LocalKafka:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _command(self, java: str, main: str, *arguments: str) -> list[str]:
        logging = [f"-Dlog4j2.configurationFile={self._log4j}"] if self._log4j else []
        return [
            java, f"-Xmx{HEAP_MIB}m", "-XX:+UseSerialGC",
            *logging, "-cp", f"{self._jars.resolve()}/*", main, *arguments,
        ]  # fmt: skip

    def _write_settings(self) -> Path:
        path = self.data / "server.properties"
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},"
            f"CONTROLLER://127.0.0.1:{self._controller_port}{self._far_door(0)}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}{self._far_door(1)}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "FAR:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str((self.data / "log").resolve()),
            "offsets.topic.replication.factor": "1",
            # One node: a few partitions do, and each one costs files.
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "auto.create.topics.enable": "false",
            # The first member of a group need not wait for a second one.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
        }
        path.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        return path

    def _far_door(self, which: int) -> str:
        return f",FAR://127.0.0.1:{self._far[which]}" if self._far else ""

    def _format(self, java: str, settings: Path) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # An id that starts with a dash would be read as an option.
        cluster = "K" + cluster[1:]
        run = subprocess.run(  # noqa: S603  (java from PATH, own arguments)
            self._command(
                java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)
            ),
            capture_output=True, text=True, timeout=START_S, check=False,
        )  # fmt: skip
        if run.returncode != 0:
            raise KafkaUnavailable(f"the storage could not be formatted:\n{run.stderr[-2000:]}")

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            if answers(self.bootstrap):
                return
            time.sleep(0.1)
        self.stop()
        log = (self.data / "broker.log").read_text(errors="replace")
        raise KafkaUnavailable(f"the broker does not answer:\n{log[-2000:]}")


def answers(bootstrap: str, *, wait_s: float = 2.0) -> bool:
    """Whether a broker processes requests there now (its port opens before it does)."""
    host, _, port = bootstrap.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=wait_s) as connection:
            connection.sendall(struct.pack(">i", len(_API_VERSIONS_REQUEST)))
            connection.sendall(_API_VERSIONS_REQUEST)
            return len(connection.recv(8)) == 8
    except OSError:
        return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes on `path`; it ends with the process, however that ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise KafkaUnavailable("Java 17 or newer is not installed (no `java` on the path)")
    return java


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run a broker in the foreground until it is told to stop."""
    parser = argparse.ArgumentParser(prog="events.bus.local_kafka", description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder for its data and log")
    parser.add_argument("--port", type=int, help="a free one if not given")
    parser.add_argument("--pom", type=Path, default=Path("deploy/kafka/pom.xml"))
    parser.add_argument("--jars", type=Path, help="where the jars are kept (DATA/jars)")
    parser.add_argument("--while-pid", type=int, help="stop when this process has ended")
    parser.add_argument("--forget", action="store_true", help="delete the data at the end")
    asked = parser.parse_args(arguments)

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        jars = resolve_jars(asked.pom, asked.jars or asked.data / "jars")
        log4j = asked.pom.with_name("log4j2.properties").resolve()
        kafka = LocalKafka(asked.data, jars=jars, port=asked.port, log4j=log4j)
        with kafka:
            # Written last and in one go: whoever waits for the file finds a broker that answers.
            ready = asked.data / "bootstrap"
            ready.with_suffix(".new").write_text(kafka.bootstrap)
            ready.with_suffix(".new").rename(ready)
            print(f"Apache Kafka answers at {kafka.bootstrap}", flush=True)
            while kafka.running and not stop.wait(0.5):
                if asked.while_pid is not None and not _alive(asked.while_pid):
                    break
            ready.unlink(missing_ok=True)
            return 0 if kafka.running else 1
    except KafkaUnavailable as reason:
        print(f"no local Apache Kafka: {reason}", file=sys.stderr)
        return 1
    finally:
        if asked.forget:
            shutil.rmtree(asked.data, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
