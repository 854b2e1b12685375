"""Settings, ids, and the process itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.ids import Ids
from simulator.servers import Simulator
from simulator.settings import Settings, SettingsRefused, parse

ROOT = Path(__file__).parents[2]


def test_the_defaults_are_the_fixed_points() -> None:
    settings = parse([], {})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8090)
    assert (settings.fields_host, settings.fields_port) == ("localhost", 8091)
    assert (settings.shop_host, settings.shop_port) == ("localhost", 8070)
    assert settings.webhook_url == "http://127.0.0.1:8080/webhooks/bluesnap"


def test_an_option_wins_over_the_environment_and_that_over_the_default() -> None:
    environ = {"SIMULATOR_PORT": "1111", "SIMULATOR_SEED": "5", "SIMULATOR_NO_SHOP": "true"}
    settings = parse(["--port", "0"], environ)
    assert (settings.port, settings.seed, settings.shop, settings.fields) == (0, 5, False, True)


def test_every_option_has_an_environment_variable() -> None:
    environ = {
        "SIMULATOR_HOST": "127.0.0.2",
        "SIMULATOR_USER": "API_7",
        "SIMULATOR_PASSWORD": "another-password",
        "SIMULATOR_WEBHOOK_URL": "http://localhost:9/hook",
        "SIMULATOR_WEBHOOK_KEY": "another-key",
        "SIMULATOR_NOTICE_RETRY_SECONDS": "0.5",
        "SIMULATOR_SHOP_PANLESS_URL": "http://127.0.0.1:8181",
        "SIMULATOR_SHOP_API_KEY": "pk_sandbox_x",
        "SIMULATOR_NO_FIELDS": "1",
    }
    settings = parse([], environ)
    assert (settings.host, settings.user, settings.password) == ("127.0.0.2", "API_7", "another-password")
    assert (settings.webhook_url, settings.webhook_key) == ("http://localhost:9/hook", "another-key")
    assert (settings.notice_retry_seconds, settings.fields) == (0.5, False)
    assert (settings.shop_panless_url, settings.shop_api_key) == ("http://127.0.0.1:8181", "pk_sandbox_x")


def test_the_shops_key_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("pk_sandbox_file\n")
    assert parse([], {"SIMULATOR_SHOP_API_KEY_FILE": str(file)}).shop_api_key == "pk_sandbox_file"
    with pytest.raises(SettingsRefused, match="cannot be read"):
        parse(["--shop-api-key-file", str(tmp_path / "none")], {})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "0.0.0.0"],
        ["--fields-host", "192.168.0.1"],
        ["--shop-host", "shop.example.com"],
        ["--webhook-url", "https://panless.example.com/webhooks/bluesnap"],
        ["--webhook-url", "http://10.0.0.1/"],
        ["--shop-panless-url", "http://example.com"],
        ["--user", "API_15149034873871"],
        ["--user", ""],
        ["--password", "LIVE-secret"],
        ["--webhook-key", "sk_live_51H"],
        ["--webhook-key", ""],
        ["--shop-api-key", "pk_production_abc"],
        ["--port", "eighty"],
        ["--port", "70000"],
        ["--port", "-1"],
        ["--notice-retry-seconds", "soon"],
    ],
)
def test_what_looks_live_or_leaves_loopback_is_refused(arguments: Any) -> None:
    with pytest.raises(SettingsRefused):
        parse(arguments, {})


def test_a_refusal_never_repeats_the_secret() -> None:
    with pytest.raises(SettingsRefused) as refused:
        parse(["--webhook-key", "sk_live_51H"], {})
    assert "51H" not in str(refused.value)
    assert "simulator-password-1" not in repr(Settings())


def test_ids_rise_above_32_bits_and_never_repeat() -> None:
    made = Ids()
    numbers = [made.next() for _ in range(5000)]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 2**31
    assert numbers[-1] < 10**12


def test_a_later_process_starts_above_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.time()
    earlier, later = Ids(), Ids()
    monkeypatch.setattr("simulator.ids.time.time", lambda: start)
    last = [earlier.next() for _ in range(1000)][-1]
    monkeypatch.setattr("simulator.ids.time.time", lambda: start + 1.001)
    assert later.next() > last


def test_ids_keep_rising_when_the_real_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Ids()
    first = made.next()
    monkeypatch.setattr("simulator.ids.time.time", lambda: 0.0)
    assert made.next() == first + 1


class Process:
    """`python -m simulator` as a person starts it."""

    def __init__(self, *arguments: Any, **environ: Any) -> None:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("SIMULATOR_")}
        self.run = subprocess.Popen(
            [sys.executable, "-m", "simulator", *arguments],
            cwd=ROOT,
            env=kept | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def banner(self) -> Any:
        """The lines up to `ready`."""
        lines = []
        watchdog = threading.Timer(20, self.run.kill)
        watchdog.start()
        assert self.run.stdout is not None
        while (line := self.run.stdout.readline()) and line != "ready\n":
            lines.append(line.strip())
        watchdog.cancel()
        return dict(line.split(" ", 1) for line in lines)

    def end(self, number: Any = signal.SIGTERM) -> Any:
        """Status, further output, errors."""
        self.run.send_signal(number)
        out, err = self.run.communicate(timeout=20)
        return self.run.returncode, out, err


@pytest.fixture
def start() -> Iterator[Any]:
    started = []

    def begin(*arguments: Any, **environ: Any) -> Any:
        started.append(Process(*arguments, **environ))
        return started[-1]

    yield begin
    for process in started:
        if process.run.poll() is None:
            process.run.kill()
        process.run.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_is_and_ends_cleanly(start: Any, number: Any) -> None:
    process = start("--port", "0", "--no-fields", "--no-shop", "--seed", "9")
    banner = process.banner()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/services/2", banner["protocol"])
    assert (banner["hosted-fields"], banner["shop"], banner["seed"]) == ("not started", "not started", "9")
    assert requests.get(f"{banner['levers']}/clock", timeout=5).status_code == 200
    assert process.end(number) == (0, "", "")


def test_the_three_faces_are_served_from_three_origins(start: Any) -> None:
    environ = {"SIMULATOR_SHOP_API_KEY": "pk_sandbox_x"}
    banner = start("--port", "0", "--fields-port", "0", "--shop-port", "0", **environ).banner()
    script = requests.get(f"{banner['hosted-fields']}/web-sdk/5/bluesnap.js", timeout=5)
    assert (script.status_code, "javascript" in script.headers["Content-Type"]) == (200, True)
    page = requests.get(f"{banner['shop']}/", timeout=5)
    assert page.status_code == 200
    assert banner["hosted-fields"].startswith("http://localhost:")
    assert len({banner[name].rsplit(":", 1)[1] for name in ("hosted-fields", "shop")}) == 2


def test_without_a_key_the_shop_is_not_started(start: Any) -> None:
    banner = start("--port", "0", "--fields-port", "0").banner()
    assert banner["shop"] == "not started (no API key)"


def test_a_taken_port_ends_the_process_with_one_line(start: Any, running: Simulator) -> None:
    process = start("--port", str(running.protocol.port), "--no-fields", "--no-shop")
    out, err = process.run.communicate(timeout=20)
    assert (process.run.returncode, out) == (2, "")
    assert err == f"simulator: port {running.protocol.port} on 127.0.0.1 is taken by another program\n"


def test_a_refused_setting_ends_the_process_with_one_line(start: Any) -> None:
    process = start("--host", "0.0.0.0")
    out, err = process.run.communicate(timeout=20)
    assert (process.run.returncode, out, err.count("\n")) == (2, "", 1)
    assert "loopback" in err


def test_the_process_imports_nothing_of_the_service() -> None:
    code = "import sys, simulator.servers; print([name for name in sys.modules if name.split('.')[0] == 'service'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == "[]\n"
