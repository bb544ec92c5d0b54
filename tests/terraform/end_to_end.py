"""A line's whole path through the deployed stack: log group, subscription filter, the function's own
package, and the Node's stand-in; and the failure queue if there is no Node.
"""

import base64
import gzip
import json
import re
import socket
import subprocess
import threading
import time

import emulator
from deployed import dashboard_metrics, equal
from lambda_service import LambdaService

# Seconds that the stand-in may take to report what arrived: it reports once a second.
NODE_TIMEOUT = 20


class Node:
    """The project's own stand-in for the Node, behind a relay that keeps all messages.

    The relay keeps the address, so a new Node starts at the address of the one that stopped.
    """

    def __init__(self, program):
        self.program = program
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "node", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        first = self.process.stdout.readline()
        host, port = first.removeprefix("listening on ").strip().rsplit(":", 1)
        self.target = host, int(port)
        self.reports = []
        self.streams = []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.read, args=[self.process.stdout, self.reports], daemon=True).start()
        threading.Thread(target=self.accept, args=[self.listener], daemon=True).start()

    def stop(self):
        # Close alone does not wake a thread that waits in accept.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.process.kill()
        self.process.wait()

    @property
    def is_up(self):
        return self.process.poll() is None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @staticmethod
    def read(pipe, reports):
        for line in pipe:
            reports.append(line.strip())

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            stream = bytearray()
            self.streams.append(stream)
            node = socket.create_connection(self.target)
            threading.Thread(target=relay, args=[client, node, stream], daemon=True).start()
            threading.Thread(target=relay, args=[node, client, bytearray()], daemon=True).start()

    def report(self, pattern):
        """Waits until the stand-in's last report matches the pattern."""
        until = time.monotonic() + NODE_TIMEOUT
        while time.monotonic() < until:
            if self.reports and re.search(pattern, self.reports[-1]):
                return self.reports[-1]
            time.sleep(0.05)
        raise AssertionError(f"the stand-in Node must report {pattern!r}, and reports {self.reports}")

    def messages(self):
        """Each HTTP message as (method, target, headers, body)."""
        return [message for stream in self.streams for message in messages_of(bytes(stream))]


def relay(source, sink, kept):
    try:
        while data := source.recv(65536):
            kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # Either end may close at any time.
        source.close()
        sink.close()


def messages_of(stream):
    while stream:
        head, stream = stream.split(b"\r\n\r\n", 1)
        start, *lines = head.decode().split("\r\n")
        method, target, _ = start.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        body, stream = stream[:length], stream[length:]
        yield method, target, headers, body


def access_log_line(stack, path, status="201"):
    """The line that API Gateway would write with the stage's documented format."""
    values = {
        "requestId": "7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11",
        "httpMethod": "POST",
        "path": path,
        "protocol": "HTTP/1.1",
        "status": status,
        "responseLength": "345",
        "requestTime": "01/Nov/2026:10:00:00 +0000",
        "requestTimeEpoch": "1793527200000",
        "responseLatency": "12",
        "integrationLatency": "9",
        "integrationStatus": "200",
        "error.message": "-",
        "stage": "prod",
        "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "identity.sourceIp": "203.0.113.7",
        "identity.userAgent": "curl/8.5.0",
    }
    return re.sub(r"\$context\.([A-Za-z.]+)", lambda match: values[match.group(1)], stack.outputs["access_log_format"])


def put_line(stack, group, line):
    logs = stack.aws("logs")
    stream = "0123456789abcdef0123456789abcdef"
    if not logs.describe_log_streams(logGroupName=group)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    event = {"timestamp": int(time.time() * 1000), "message": line}
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])


def function_reports(stack):
    """The function's report of each invocation, read from the log group as an operator reads it."""
    group = f"/aws/lambda/{stack.function_name}"
    events = stack.aws("logs").filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]


def run(stack, directory, program):
    node = Node(program)
    # The load balancer's name does not resolve here. Nothing else differs from the deployed stack.
    service = LambdaService(
        stack.emulator, directory, {"X_NODE_URL": node.address, "X_NODE_SCHEME": "http"}
    )
    emulator.handlers.append(service.handle)
    try:
        lines_arrive(stack, service, node)
        node.stop()
        failed_event_is_kept(stack, service)
        if stack.settings.get("enable_redrive"):
            redrive_delivers_it(stack, service, node)
        else:
            delivered_by_hand(stack, service, node)
    finally:
        emulator.handlers.remove(service.handle)
        service.stop()
        if node.is_up:
            node.stop()


def lines_arrive(stack, service, node):
    for number, group in enumerate(stack.groups):
        put_line(stack, group, access_log_line(stack, f"/prod/orders/{number}"))
    service.wait()
    count = len(stack.groups)
    failures = [outcome.payload for _, outcome in service.attempts if outcome.is_error]
    equal(failures, [], "the failures of the function")
    node.report(rf"{count} requests, {count} responses, .* {count} distinct records, 0 repeated, 0 unpaired, 0 violations")
    application = stack.function["Environment"]["Variables"]["X_WALLARM_APPLICATION_ID"]
    by_kind = {"request": {}, "response": {}}
    for method, target, headers, body in node.messages():
        equal(headers["x-wallarm-application-id"], application, "the application id")
        equal(headers["host"], "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com", "the host")
        assert re.fullmatch(r"\d{56}", headers["x-request-id"]), headers["x-request-id"]
        by_kind[headers["x-wallarm-message"]][target] = method, headers, body
    expected = {f"/prod/orders/{number}" for number in range(count)}
    equal(set(by_kind["request"]), expected, "the paths of the requests")
    equal(set(by_kind["response"]), expected, "the paths of the responses")
    for method, headers, _ in by_kind["request"].values():
        equal(method, "POST", "the method")
        equal(headers["x-forwarded-for"], "203.0.113.7", "the caller's address")
        equal(headers["user-agent"], "curl/8.5.0", "the user agent")
        equal(headers["x-forwarded-proto"], "https", "the scheme")
    for _, _, body in by_kind["response"].values():
        equal(json.loads(body)["status"], 201, "the status")

    reports = function_reports(stack)
    equal([report["recordsForwarded"] for report in reports], [1] * count, "the function's count of forwarded records")
    # The dashboard shows only metrics that the function counts, with the dimensions with which it counts
    # them. This one is counted only where there is such a log group.
    rare = {"logGroupsMostlySkipped"}
    directive = reports[0]["_aws"]["CloudWatchMetrics"][0]
    counted = {metric["Name"] for metric in directive["Metrics"]}
    for namespace, metric, dimensions in dashboard_metrics(stack):
        if namespace == directive["Namespace"]:
            assert metric in counted | rare, f"the dashboard shows {metric}, which the function does not count"
            assert sorted(dimensions) in [sorted(each) for each in directive["Dimensions"]], dimensions
            for name, value in dimensions.items():
                equal(value, reports[0][name], f"{metric}'s dimension {name}")
    print(f"  {count} lines went through subscription filter, deployed package and Node")


def failed_event_is_kept(stack, service):
    service.attempts.clear()
    line = access_log_line(stack, "/prod/lost")
    put_line(stack, stack.groups[0], line)
    service.wait()
    retries = stack.aws("lambda").get_function_event_invoke_config(FunctionName=stack.function_name)["MaximumRetryAttempts"]
    equal(len(service.attempts), 1 + retries, "the number of attempts")
    equal(len({request_id for request_id, _ in service.attempts}), 1, "the number of request ids")
    for _, outcome in service.attempts:
        assert outcome.is_error, "the function reported success for an event that reached no Node"
        equal(outcome.payload["errorType"], "Function.RecordsUndelivered", "the type of the error")

    record = json.loads(failed_message(stack)["Body"])
    context = record["requestContext"]
    equal(context["condition"], "RetriesExhausted", "the condition of the failure")
    equal(context["approximateInvokeCount"], 1 + retries, "the number of invocations")
    equal(context["functionArn"], f"{stack.function['FunctionArn']}:$LATEST", "the function")
    equal(record["responsePayload"]["errorType"], "Function.RecordsUndelivered", "the error in the failure queue")
    data = base64.b64decode(record["requestPayload"]["awslogs"]["data"])
    kept = json.loads(gzip.decompress(data))
    equal(kept["logGroup"], stack.groups[0], "the log group of the event in the failure queue")
    equal([event["message"] for event in kept["logEvents"]], [line], "the lines of the event in the failure queue")
    print(f"  without a Node, the line is in the failure queue after {1 + retries} attempts")


def failed_message(stack):
    """The one message of the failure queue. It stays there."""
    url = stack.outputs["failure_queue_url"]
    response = stack.aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    (message,) = response.get("Messages", [])
    return message


def delivered_by_hand(stack, service, node):
    """The README's way without a redrive: invoke the function with the payload, and delete the message."""
    node.start()
    message = failed_message(stack)
    outcome = service.invoke(stack.function_name, json.loads(message["Body"])["requestPayload"])
    assert not outcome.is_error, outcome.payload
    stack.aws("sqs").delete_message(QueueUrl=stack.outputs["failure_queue_url"], ReceiptHandle=message["ReceiptHandle"])
    arrives_late(node)
    print("  passed to the function by hand, it arrives")


def redrive_delivers_it(stack, service, node):
    """An undelivered message stays in the queue; a delivered one is deleted."""
    equal(service.poll(stack.function_name), (1, 0), "messages received and deleted without a Node")
    node.start()
    equal(service.poll(stack.function_name), (1, 1), "messages received and deleted with a Node")
    arrives_late(node)
    print("  the redrive keeps it until a Node is back, and then delivers it")


def arrives_late(node):
    node.report("1 requests, 1 responses, .* 1 distinct records, 0 repeated, 0 unpaired, 0 violations")
    (target,) = {target for _, target, _, _ in node.messages()}
    equal(target, "/prod/lost", "the path of the record that was lost")
