"""The script that reads the Node's metrics turns what the Node counts into lines that CloudWatch makes metrics of.

The very script runs, in busybox's shell and with busybox's tools alone, beside a stand-in for the Node.
"""

import json
import os
import resource
import signal
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "terraform/modules/connector/files/node-metrics.sh"
NAMESPACE = "wallarm_gonode"
# Names and labels of the page "go-node metrics" in Wallarm's documentation.
SEEN = ("health", "request", "response", "total")
REASONS = ("connector_info", "host", "remote_address")
TYPES = (
    "DroppedOnOverload", "DuplicateReqId", "MsgDataFormat", "MsgpackDataFormat", "MsgpackDecode", "NilBody",
    "ReqBodyReading", "RespBodyReading",
)
# A container has as much.
MEMORY = 32 << 20


def response(requests=0, responses=0, health=0, namespace=NAMESPACE, more="", **not_taken):
    """What the Node responds with: its counts since it started. A message that it does not take counts only in `total`."""
    rejected = {reason: not_taken.pop(reason, 0) for reason in REASONS}
    errors = {kind: not_taken.pop(kind, 0) for kind in TYPES}
    assert not not_taken, not_taken
    total = requests + responses + health + sum(rejected.values()) + sum(errors.values())
    groups = [
        ("errors_total", "type", errors),
        ("messages_processed_total", "type", {"request": requests, "response": responses}),
        ("messages_rejected_total", "reason", rejected),
        ("messages_seen_total", "type", dict(zip(SEEN, (health, requests, responses, total)))),
    ]
    text = "# HELP go_goroutines Number of goroutines that currently exist.\n# TYPE go_goroutines gauge\ngo_goroutines 93\n"
    for name, label, values in groups:
        name = f"{namespace}_http_connector_server_{name}"
        text += f"# HELP {name} See '{label}' label\n# TYPE {name} counter\n"
        text += "".join(f'{name}{{{label}="{key}"}} {value}\n' for key, value in values.items())
    return (text + more).encode()


def series(name, value, label='type="request"'):
    return f"{NAMESPACE}_http_connector_server_{name}{{{label}}} {value}\n"


def without(body, name):
    return b"".join(line for line in body.splitlines(keepends=True) if name not in line)


class Hang:
    """Sends the beginning of a response, and then nothing."""


class CutOff:
    """Announces more than it sends."""

    def __init__(self, body):
        self.body = body


class Status:
    """An error, with a body that is fine."""

    def __init__(self, body):
        self.body = body


# What the Node responds with to one reading after the other.
READINGS = {
    "counts": [
        response(100, 90, health=7),
        response(110, 99, health=9),
        response(110, 99, health=9),
        response(113, 101, health=9, connector_info=4, host=2, remote_address=1, MsgDataFormat=3, NilBody=1),
        response(114, 102, health=9, connector_info=4, host=2, remote_address=1, MsgDataFormat=3, NilBody=1),
    ],
    "a Node that starts anew": [response(500, 500), response(510, 510), response(4, 3, host=1), response(5, 5, host=1)],
    "a Node that starts late": [None, None, None, None, None, None, None, response(2, 2), response(3, 3)],
    "a Node that hangs": [response(1, 1), Hang(), Hang(), response(5, 5), response(6, 6)],
    "a response that ends early": [response(1000, 1000), CutOff(response(2000, 2000)[:-3]), response(1010, 1010), response(1011, 1011)],
    "an error": [response(10, 10), Status(response(99, 99)), response(11, 12), response(11, 12)],
    "missing series": [
        without(response(10, 10), b"errors_total"),
        without(response(12, 11, MsgDataFormat=2), b'_processed_total{type="response"}'),
        without(response(13, 13, MsgDataFormat=2), b"errors_total"),
        response(14, 14, MsgDataFormat=2),
        response(14, 14, MsgDataFormat=2),
    ],
    "no connector": [b"go_goroutines 93\n", b"", response(namespace="other"), response(1, 1), response(3, 4), response(3, 4)],
    "large numbers": [
        response().replace(b'"request"} 0', b'"request"} 1.234567e+06'),
        response().replace(b'"request"} 0', b'"request"} 1.23457e+06'),
        response().replace(b'"request"} 0', b'"request"} 1.23457e+06'),
    ],
    "garbage": [
        response(10, 10),
        response(
            11,
            11,
            more=(
                series("messages_processed_total", "NaN")
                + series("messages_processed_total", "+Inf")
                + series("messages_processed_total", "-5")
                + series("messages_processed_total", "0x10")
                + series("messages_processed_total", "1e999")
                + series("messages_processed_total", "9" * 40)
                + series("messages_processed_total", "5 1793527200000")
                + series("messages_processed_total", "5; echo broken-out")
                + series("messages_processed_total", "")
                + series("messages_processed_total", "7", 'type="request\\"} 5"')
                + series("messages_processed_total", "7", "")
                + series("messages_processed_totals", "7")
                + f"{NAMESPACE}_http_connector_server_messages_processed_total 7\n"
                + f"{NAMESPACE}_http_connector_server_messages_processed_total}} 7\n"
                + f"x{NAMESPACE}_http_connector_server_messages_processed_total{{type=\"request\"}} 7\n"
                + "\x00\x01\xff \u2028 $(echo broken-out) `echo broken-out` %s%n\n"
            ),
        ),
        response(12, 12),
    ],
    "labels that are not known": [
        response(10, 10),
        response(
            11,
            11,
            more=(
                series("messages_rejected_total", 2, 'reason="tenant"')
                + series("messages_rejected_total", 3, 'reason="\\",\\"x\\":\\"$(echo broken-out)"')
                + series("errors_total", 4, 'type="FlowIsMissingRequest"')
                + series("errors_total", 1, 'client_uuid="11111111-2222-3333-4444-555555555555",type="NilBody"')
                + series("errors_total", 1, 'client_uuid="11111111-2222-3333-4444-666666666666",type="NilBody",x="y"')
                + series("errors_total", 5, 'x="\\",type=\\"NilBody\\","')
                + series("messages_seen_total", 70, 'type="other"')
                + series("messages_processed_total", 70, 'type="total"')
            ),
        ),
        response(12, 12),
    ],
    "a large response": [response(1, 1), response(2, 2, more=series("x", 1) * 30000), response(3, 3), response(3, 3)],
    "a response that is too large": [response(1, 1), response(5, 5, more=series("x", 1) * 90000), response(7, 7), response(7, 7)],
    "a line that is too long": [response(1, 1), response(5, 5, more="x" * (4000 << 10)), response(7, 7), response(7, 7)],
    "the end of the task": [response(1, 1), response(4, 3)],
    "another namespace": [response(1, 1, namespace="own_name"), response(2, 2, namespace="own_name"), response(2, 2, namespace="own_name")],
}
PREFIXES = {"another namespace": "own_name"}
# Here, the second reading comes only because the container is to stop.
AT_THE_END = "the end of the task"


class StandIn:
    """Responds to the readings of one script, one after the other."""

    def __init__(self, readings, enough):
        self.readings = readings
        self.enough = enough
        self.count = 0
        self.served = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                stand_in.respond(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/metrics"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, request):
        reading = self.readings[min(self.count, len(self.readings) - 1)]
        self.count += 1
        if self.count == self.enough:
            self.served.set()
        body = getattr(reading, "body", reading)
        if reading is None:
            return request.connection.shutdown(socket.SHUT_RDWR)
        request.send_response(500 if isinstance(reading, Status) else 200)
        if isinstance(reading, Hang):
            request.end_headers()
            request.wfile.write(response()[:300])
            time.sleep(100)
            return
        request.send_header("Content-Length", str(len(body) + 1000 * isinstance(reading, CutOff)))
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            pass


def busybox():
    """A directory that has busybox's tools and nothing else, and the shell in it."""
    directory = Path(tempfile.mkdtemp(prefix="busybox-"))
    subprocess.run([shutil.which("busybox"), "--install", "-s", directory], check=True)
    return directory


def output_of(tools, name, readings):
    """What the script prints until it has had all readings."""
    stand_in = StandIn(readings, 1 if name == AT_THE_END else len(readings))
    environment = {
        "PATH": str(tools),
        "NODE_METRICS_URL": stand_in.url,
        "NODE_METRICS_PREFIX": PREFIXES.get(name, NAMESPACE),
        "NODE_METRICS_DEPLOYMENT": "test-0a1b2c",
        "NODE_METRICS_INTERVAL": "300" if name == AT_THE_END else "1",
    }
    process = subprocess.Popen(
        [tools / "sh", "-c", SCRIPT.read_text()],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
        start_new_session=True,
    )
    try:
        assert stand_in.served.wait(60), f"{name}: there were {stand_in.count} readings of {len(readings)}"
        if name == AT_THE_END:
            time.sleep(2)
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=30)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        stand_in.server.shutdown()
    assert process.returncode == 0, f"{name}: the script ended with {process.returncode}: {text}"
    return text


class NodeMetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tools = busybox()
        cls.outputs, cls.errors = {}, []

        def run(name, readings):
            try:
                cls.outputs[name] = output_of(cls.tools, name, readings)
            except BaseException as error:
                cls.errors.append(RuntimeError(f"{name}: {type(error).__name__}: {str(error)[-300:]}"))

        # Each waits for its next reading most of the time.
        threads = [threading.Thread(target=run, args=pair) for pair in READINGS.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if cls.errors:
            raise cls.errors[0]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.tools)

    def lines(self, name):
        """Each line's members, but for those of its metrics' form, which is checked. Lines for people are left out."""
        found = []
        for text in self.outputs[name].splitlines():
            if text.startswith("No counts of messages at "):
                continue
            line = json.loads(text)
            form, deployment = line.pop("_aws"), line.pop("deployment")
            self.assertLess(abs(form["Timestamp"] / 1000 - time.time()), 300)
            (directive,) = form["CloudWatchMetrics"]
            self.assertEqual((directive["Namespace"], directive["Dimensions"]), ("WallarmNode", [["deployment"]]))
            self.assertEqual(deployment, "test-0a1b2c")
            units = {each["Name"]: each["Unit"] for each in directive["Metrics"]}
            self.assertEqual(set(units), {key for key, value in line.items() if not isinstance(value, dict)})
            self.assertEqual({key for key, unit in units.items() if unit != "Count"}, {"NotTakenPercent"} & set(units))
            found.append(line)
        return found

    def processed(self, name):
        return [(line["RequestsProcessed"], line["ResponsesProcessed"]) for line in self.lines(name)]

    def test_a_line_has_what_was_counted_since_the_last_reading(self):
        quiet = {"MessagesSeen": 0, "RequestsProcessed": 0, "ResponsesProcessed": 0}
        expected = [
            quiet | {"MessagesSeen": 21, "RequestsProcessed": 10, "ResponsesProcessed": 9, "seen": {"health": 2, "request": 10, "response": 9}},
            quiet,
            {
                "MessagesSeen": 16,
                "RequestsProcessed": 3,
                "ResponsesProcessed": 2,
                "RejectedByHost": 2,
                "RejectedByAddress": 1,
                "RejectedOther": 4,
                "rejected": {"connector_info": 4, "host": 2, "remote_address": 1},
                "Errors": 4,
                "errors": {"MsgDataFormat": 3, "NilBody": 1},
                "NotTakenPercent": 68.8,
                "seen": {"request": 3, "response": 2},
            },
            quiet | {"MessagesSeen": 2, "RequestsProcessed": 1, "ResponsesProcessed": 1, "seen": {"request": 1, "response": 1}},
        ]
        self.assertEqual(self.lines("counts")[:4], expected)

    def test_all_metrics_together_are_at_most_eight(self):
        names = {key for name in ("counts", "labels that are not known") for line in self.lines(name) for key, value in line.items() if not isinstance(value, dict)}
        self.assertEqual(len(names), 8, names)

    def test_a_node_that_starts_anew_counts_from_zero(self):
        self.assertEqual(self.processed("a Node that starts anew")[:3], [(10, 10), (4, 3), (1, 2)])
        self.assertEqual(self.lines("a Node that starts anew")[1]["RejectedByHost"], 1)
        self.assertNotIn("RejectedByHost", self.lines("a Node that starts anew")[2])

    def test_without_a_node_one_line_says_so(self):
        lines = self.outputs["a Node that starts late"].splitlines()
        (told,) = [line for line in lines if not line.startswith("{")]
        self.assertRegex(told, r"^No counts of messages at http://127\.0\.0\.1:\d+/metrics: the Node does not respond there, or names ")
        self.assertEqual([json.loads(line)["RequestsProcessed"] for line in lines if line != told][:1], [1])

    def test_a_node_that_hangs_is_left_alone(self):
        self.assertEqual(self.processed("a Node that hangs")[:2], [(4, 4), (1, 1)])

    def test_half_a_response_is_none(self):
        self.assertEqual(self.processed("a response that ends early")[:2], [(10, 10), (1, 1)])
        self.assertEqual(self.processed("an error")[:1], [(1, 2)])

    def test_a_series_that_is_missing_has_not_changed(self):
        self.assertEqual(self.processed("missing series")[:3], [(2, 0), (1, 3), (1, 1)])
        self.assertEqual([line.get("Errors") for line in self.lines("missing series")][:3], [2, None, None])

    def test_a_response_without_the_connector_is_none(self):
        self.assertEqual(self.processed("no connector")[:1], [(2, 3)])

    def test_numbers_have_an_exponent_when_they_are_large(self):
        self.assertEqual(self.processed("large numbers")[:2], [(3, 0), (0, 0)])

    def test_garbage_is_not_counted_and_not_repeated(self):
        self.assertEqual(self.processed("garbage")[:2], [(1, 1), (1, 1)])
        for name, output in self.outputs.items():
            self.assertNotIn("broken-out", output, name)

    def test_labels_that_are_not_known_count_as_other(self):
        line = self.lines("labels that are not known")[0]
        self.assertEqual(line["rejected"], {"other": 5})
        self.assertEqual(line["errors"], {"NilBody": 2, "other": 9})
        self.assertEqual((line["RejectedOther"], line["Errors"]), (5, 11))
        self.assertEqual((line["RequestsProcessed"], line["MessagesSeen"]), (1, 2))

    def test_a_large_response_is_read_within_the_memory_of_the_container(self):
        self.assertEqual(self.processed("a large response")[:2], [(1, 1), (1, 1)])
        self.assertEqual(self.processed("a response that is too large")[:1], [(6, 6)])
        self.assertEqual([sum(counts) for counts in zip(*self.processed("a line that is too long"))], [6, 6])

    def test_what_was_counted_last_is_printed_when_the_task_stops(self):
        self.assertEqual(self.processed(AT_THE_END), [(3, 2)])

    def test_the_namespace_is_as_configured(self):
        self.assertEqual(self.processed("another namespace")[:1], [(1, 1)])


if __name__ == "__main__":
    unittest.main()
