"""The rules and the board for Prometheus and Grafana, tried with a real Prometheus."""

import json
import re
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from interop.harness.network import free_port
from sipwright.monitor.counts import COUNTS
from sipwright.web.metrics import metrics_of

DOCS = Path(__file__).parents[2] / "docs" / "monitoring"
PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
STATUS = {
    "node": "node1", "version": "1", "started_at": 1.0,
    "call_states": {"talking": 2}, "registrations": {"registered": 1},
    "counts": dict.fromkeys(COUNTS, 3.0), "clients": 1,
    "storage": {"is_away": False, "waiting": 0, "is_short": False},
    "parts": [{"part": "edge", "up": True, "at": 5.0, "milliseconds": 1.5}],
}  # fmt: skip


class Numbers:
    def collect(self):
        yield from metrics_of(STATUS)


def exposition():
    registry = CollectorRegistry()
    ProcessCollector(namespace="sipwright_faces", registry=registry)
    registry.register(Numbers())
    return generate_latest(registry)


def board():
    return json.loads((DOCS / "grafana.json").read_text())


def expressions():
    found = [target["expr"] for panel in board()["panels"] for target in panel["targets"]]
    return found + re.findall(r"expr: (?:>-\n)?((?:.|\n      {4})*)", (DOCS / "alerts.yml").read_text())


def test_every_metric_that_is_asked_for_is_there():
    there = set(re.findall(rb"^(sipwright_\w+)", exposition(), re.MULTILINE))
    asked = {name for text in expressions() for name in re.findall(r"sipwright_\w+", text)}

    assert len(asked) > 20
    assert sorted(asked - {name.decode() for name in there}) == []


def test_every_alert_says_what_to_look_at_and_has_its_place_in_the_manual():
    rules = (DOCS / "alerts.yml").read_text()
    names = re.findall(r"- alert: (\w+)", rules)
    manual = PAGE.read_text()

    assert rules.count("look_first:") == rules.count("summary:") == len(names) > 8
    assert [name for name in names if name not in manual] == []


def promtool(*arguments, cwd=DOCS):
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_every_alert_is_tried(tmp_path):
    """One that has never been seen to fire may be one that cannot."""
    names = re.findall(r"- alert: (\w+)", (DOCS / "alerts.yml").read_text())
    tried = Path(__file__).with_name("alerts_test.yml").read_text()

    fired = set(re.findall(r"alertname: (\w+)\n +exp_alerts", tried))
    assert [name for name in names if name not in fired] == []


@pytest.mark.peer("prometheus")
def test_promtool_takes_the_rules_and_they_alert_when_they_should(tmp_path):
    for name in ("alerts.yml", "prometheus.yml"):
        shutil.copy(DOCS / name, tmp_path)
    shutil.copy(Path(__file__).with_name("alerts_test.yml"), tmp_path)

    for arguments in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ):
        status, said = promtool(*arguments, cwd=tmp_path)
        assert status == 0, said
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition(), capture_output=True, timeout=60
    )
    assert b"error" not in checked.stderr.lower(), checked.stderr


class Exposed(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(exposition())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def prometheus(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exposed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = (
        (DOCS / "prometheus.yml").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{server.server_port}")
    )
    (tmp_path / "prometheus.yml").write_text(config.replace("15s", "1s"))
    shutil.copy(DOCS / "alerts.yml", tmp_path)
    port = free_port()
    process = subprocess.Popen(
        [
            "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        ]
    )  # fmt: skip
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(60)
    server.shutdown()
    server.server_close()


@pytest.mark.peer("prometheus")
def test_a_real_prometheus_reads_the_numbers_and_answers_every_question_of_board_and_rules(prometheus):
    with httpx2.Client(base_url=prometheus, trust_env=False, timeout=60) as client:
        deadline = time.monotonic() + 120
        found = []
        while not found and time.monotonic() < deadline:
            try:
                answer = client.get("/api/v1/query", params={"query": "sipwright_calls"}).json()
                found = answer["data"]["result"]
            except (httpx2.HTTPError, ValueError):
                pass
            time.sleep(0.2)
        assert found[0]["value"][1] == "3"
        rules = client.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
        assert len(rules) > 8
        for panel in board()["panels"]:
            for target in panel["targets"]:
                query = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
                answer = {}
                while time.monotonic() < deadline:  # a rate takes two looks
                    answer = client.get("/api/v1/query", params={"query": query}).json()
                    assert answer["status"] == "success", (query, answer)
                    if answer["data"]["result"]:
                        break
                    time.sleep(0.2)
                assert answer["data"]["result"], query
