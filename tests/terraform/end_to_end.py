"""A line's whole path through the deployed stack: log group, subscription filter, the function's own
package, and the Node's stand-in; and the failure queue if there is no Node. The same for lines that come by Firehose.
"""

import base64
import gzip
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import deployed
import emulator
import metric_filters
from deployed import dashboard_metrics, equal
from lambda_service import LambdaService

HERE = Path(__file__).resolve().parent
FUNCTION = HERE.parents[1] / "README.md"
DEPLOYING = HERE.parents[1] / "terraform/README.md"

# How the ids of Firehose's records begin.
RECORD_ID = "49546986683135544286507457936321625675700192471156785"
# Seconds that what was delivered may take to be reported by the stand-in.
NODE_TIMEOUT = 20


class Node:
    """The project's own stand-in for the Node, behind a relay that keeps all messages.

    The relay keeps the address, so a new Node starts at the address of the one that stopped.
    """

    def __init__(self, program, is_reachable=lambda: True):
        self.program = program
        self.is_reachable = is_reachable
        # While it is bound, nobody else gets this port, and a listener may come and go there.
        self.bound = socket.socket()
        self.bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.bound.bind(("127.0.0.1", 0))
        self.port = self.bound.getsockname()[1]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "node", "--json", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        first = json.loads(self.process.stdout.readline())
        host, port = first["address"].rsplit(":", 1)
        self.target = host, int(port)
        self.seen = []
        self.streams = []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.read, args=[self.process.stdout, self.seen], daemon=True).start()
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
    def read(pipe, seen):
        for line in pipe:
            seen.append(json.loads(line))

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if not self.is_reachable():
                client.close()
                continue
            stream = bytearray()
            self.streams.append(stream)
            node = socket.create_connection(self.target)
            threading.Thread(target=relay, args=[client, node, stream], daemon=True).start()
            threading.Thread(target=relay, args=[node, client, bytearray()], daemon=True).start()

    def report(self, calls, repeated=0):
        """Waits until the stand-in has so many calls, then so many of them again, each with both messages, and nothing else."""
        expected = [False] * calls + [True] * repeated
        until = time.monotonic() + NODE_TIMEOUT
        while time.monotonic() < until:
            seen = list(self.seen)
            # Whatever is no call has no such member.
            if [each.get("isRepeated") for each in seen] == expected and len(self.messages()) == 2 * len(expected):
                return
            time.sleep(0.05)
        raise AssertionError(f"the stand-in Node must have {calls} calls and {repeated} of them again, and has seen {seen}")

    def messages(self):
        """Each message as (method, target, headers, body)."""
        every = [message for stream in self.streams for message in messages_of(bytes(stream))]
        # A question for the Node's health is no message.
        return [message for message in every if "x-wallarm-message" in message[2]]


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


def access_log_line(stack, path, status="201", output="access_log_format"):
    """The line that API Gateway would write with the format of this output, the documented one or a lean one."""
    values = {
        "requestId": "7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11",
        "httpMethod": "POST",
        "path": path,
        "resourcePath": "/orders/{id}",
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
    return re.sub(r"\$context\.([A-Za-z.]+)", lambda match: values[match.group(1)], stack.outputs[output])


def put_line(stack, group, line):
    logs = stack.aws("logs")
    stream = "0123456789abcdef0123456789abcdef"
    if not logs.describe_log_streams(logGroupName=group)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    event = {"timestamp": int(time.time() * 1000), "message": line}
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])


def report_lines(stack):
    """The function's report of each invocation, read from the log group as an operator reads it."""
    group = f"/aws/lambda/{stack.function_name}"
    events = stack.aws("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in events if '"functionName":' in event["message"]]


def function_reports(stack):
    return [json.loads(line) for line in report_lines(stack)]


def metrics_of(stack, line):
    """The metrics that CloudWatch makes of a report line: by itself, or with the deployed filters, never with both."""
    embedded, filtered = metric_filters.embedded_metrics_of(line), metric_filters.metrics_of(deployed.metric_filters(stack), line)
    assert bool(embedded) != bool(filtered), f"metrics are made twice, or not at all, of {line}"
    assert deployed.is_compact(stack) == bool(filtered), f"not the line that report_line says: {line}"
    return embedded or filtered


class Commands:
    """The commands of a README file, as a reader would paste them."""

    def __init__(self, directory, terraform, program):
        self.directory = directory / "commands"
        self.s3 = directory / "s3"
        self.s3.mkdir(parents=True)
        programs = directory / "programs"
        programs.mkdir()
        for name, command in (
            ("aws", [sys.executable, HERE / "aws.py"]),
            ("cw-resend", [program]),
            ("terraform", [shutil.which("terraform"), f"-chdir={terraform.directory}"]),
        ):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {" ".join(shlex.quote(str(each)) for each in command)} "$@"\n')
            program.chmod(0o755)
        self.environment = {**terraform.environment, "S3_DIRECTORY": str(self.s3)}
        self.environment["PATH"] = f"{programs}:{self.environment['PATH']}"

    def run(self, file, heading, **replaced):
        """Runs the first commands behind a heading in a directory of their own, which it returns."""
        text = file.read_text()
        assert text.count(heading) == 1, f"{file.name} must have {heading!r} once"
        commands = re.search(r"^```sh\n(.*?)^```$", text.split(heading)[1], re.DOTALL | re.MULTILINE).group(1)
        for word, value in replaced.items():
            assert re.search(rf"\b{word}\b", commands), f"the commands of {heading!r} have no {word}"
            commands = re.sub(rf"\b{word}\b", lambda _: value, commands)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        result = subprocess.run(
            ["bash", "-uc", commands],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        # A few lines take less time than Wallarm's rule wants.
        complaints = [line for line in result.stderr.splitlines() if not line.startswith("warning: this took ")]
        equal(complaints, [], f"what the commands of {heading!r} complain of")
        return self.directory


def run(stack, directory, program, terraform):
    commands = Commands(directory.with_name("readme"), terraform, program)
    with Bridge(stack.emulator, directory, program) as bridge:
        service, node = bridge.service, bridge.node
        lines_arrive(stack, service, node)
        firehose_records_arrive(stack, service, node)
        node.stop()
        failed_event_is_kept(stack, service)
        if stack.settings.get("enable_redrive"):
            redrive_delivers_it(stack, service, node)
        else:
            delivered_by_hand(stack, node, commands)
        node.stop()
        failed_records_are_replayed(stack, service, node, commands)


class Bridge:
    """The function and a Node without anything between them: what the load balancer's name would lead to does not exist
    here. Nothing else differs from the deployed stack.
    """

    def __init__(self, aws, directory, program, is_reachable=lambda: True):
        self.node = Node(program, is_reachable)
        overrides = {"X_NODE_URL": self.node.address, "X_NODE_SCHEME": "http"}
        self.service = LambdaService(aws, directory, overrides)

    def __enter__(self):
        emulator.handlers.append(self.service.handle)
        emulator.synchronous_handlers.append(self.service.invoke_function)
        return self

    def __exit__(self, *_):
        emulator.handlers.remove(self.service.handle)
        emulator.synchronous_handlers.remove(self.service.invoke_function)
        self.service.stop()
        if self.node.is_up:
            self.node.stop()


def run_short(stack, directory, program):
    """A line arrives, and one that no Node takes is kept."""
    with Bridge(stack.emulator, directory, program) as bridge:
        lines_arrive(stack, bridge.service, bridge.node)
        bridge.node.stop()
        failed_event_is_kept(stack, bridge.service)
        url = stack.outputs["failure_queue_url"]
        stack.aws("sqs").purge_queue(QueueUrl=url)


def nothing_is_lost(stack, directory, program, change):
    """Lines come all the time while the layout changes. Each one arrives, at once or by the queue, and none twice.

    The function reaches the Node where what its address names is there.
    """
    written, done, errors = [], threading.Event(), []

    def write():
        try:
            while not done.is_set():
                path = f"/prod/during/{len(written)}"
                put_line(stack, stack.groups[0], access_log_line(stack, path))
                written.append(path)
                done.wait(0.5)
        except Exception as error:
            errors.append(error)

    with Bridge(stack.emulator, directory, program, lambda: deployed.is_reachable(stack)) as bridge:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            change()
        finally:
            done.set()
            writer.join()
        assert not errors, f"a line could not be written: {errors[0]}"
        bridge.service.wait()
        by_queue = 0
        while bridge.service.poll(stack.function_name) != (0, 0):
            by_queue += 1
        bridge.node.report(len(written))
        arrived = [target for _, target, headers, _ in bridge.node.messages() if headers["x-wallarm-message"] == "request"]
        equal(sorted(arrived), sorted(written), "the lines that arrived while the layout changed")
    print(f"  {len(written)} lines came while the layout changed, and each arrived: {by_queue} polls of the failure queue")


def lines_arrive(stack, service, node):
    before = len(report_lines(stack))
    for number, group in enumerate(stack.groups):
        put_line(stack, group, access_log_line(stack, f"/prod/orders/{number}"))
    service.wait()
    count = len(stack.groups)
    failures = [outcome.payload for _, outcome in service.attempts if outcome.is_error]
    equal(failures, [], "the failures of the function")
    node.report(count)
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

    lines = report_lines(stack)[before:]
    equal([json.loads(line)["recordsForwarded"] for line in lines], [1] * count, "the function's count of forwarded records")
    # The dashboard shows only metrics that the function counts, with the dimensions with which it counts
    # them. This one is counted only where there is such a log group.
    rare = {"logGroupsMostlySkipped"}
    # It shows each reason for which lines are skipped.
    (table,) = re.findall(r"^\| counted as \|.*\n\| --- \|.*\n((?:\|.*\n)+)", FUNCTION.read_text(), re.MULTILINE)
    documented = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    response = stack.aws("cloudwatch").get_dashboard(DashboardName=stack.name)
    equal(set(re.findall(r"sum\(skipped\.(\w+)\)", response["DashboardBody"])), documented, "the reasons that the dashboard shows")
    made = metrics_of(stack, lines[0])
    counted = {metric: value for _, metric, _, _, value in made}
    latency = counted.pop("nodeLatencyMs")
    assert 0 < latency < 10000, f"the latency of the Node is {latency}"
    expected = {"recordsReceived": 1, "recordsForwarded": 1, "recordsRefused": 0, "recordsSkipped": 0, "recordsUndelivered": 0, "retries": 0}
    equal(counted, expected, "the metrics of a line")
    by_name = {(namespace, metric): dimensions for namespace, metric, _, dimensions, _ in made}
    for namespace, metric, dimensions in dashboard_metrics(stack):
        if namespace == "CwResend" and metric not in rare:
            equal(by_name.get((namespace, metric)), dimensions, f"the dimensions of {metric} on the dashboard")
    print(f"  {count} lines went through subscription filter, deployed package and Node")


def firehose_records_arrive(stack, service, node):
    """Records of one line each, as API Gateway writes them: what Firehose gets back, and what the Node gets."""
    settings = stack.settings
    has_template = settings.get("path_source") == "template"
    default_host = default_host_of(stack)
    forwarded = {"ok": "Ok", "dropped": "Dropped"}[settings.get("firehose_result", "ok")]
    gateways = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
    lean = access_log_line(stack, "/prod/orders/f1", output="access_log_format_lean_rest")
    without_host = json.loads(access_log_line(stack, "/orders/f2", output="access_log_format_lean_rest"))
    del without_host["domainName"]

    # Each line, the result of its record, and host and path of its call at the Node.
    lines = [
        (access_log_line(stack, "/prod/orders/f0"), forwarded, (gateways, "/prod/orders/f0")),
        (lean + "\n", forwarded, (gateways, "/prod/orders/{id}" if has_template else "/prod/orders/f1")),
        ("no access-log line", "Ok", None),
        (
            json.dumps(without_host),
            forwarded if default_host else "Ok",
            (default_host, "/orders/{id}" if has_template else "/orders/f2") if default_host else None,
        ),
    ]
    before = len(function_reports(stack))
    results = transform(stack, service, [line for line, _, _ in lines])
    equal(results, [result for _, result, _ in lines], "the results of the records that Firehose passes")

    calls = [call for _, _, call in lines if call]
    count = len(stack.groups) + len(calls)
    node.report(count)
    by_kind = {"request": [], "response": []}
    for _, target, headers, _ in node.messages():
        # The ids of lines without a document are made of the record's.
        if headers["x-request-id"].startswith(RECORD_ID):
            by_kind[headers["x-wallarm-message"]].append((headers["host"], target))
    equal(sorted(by_kind["request"]), sorted(calls), "hosts and paths of the requests from Firehose")
    equal(sorted(by_kind["response"]), sorted(calls), "hosts and paths of the responses from Firehose")

    (report,) = function_reports(stack)[before:]
    skipped = {"malformed": 1} | ({} if default_host else {"noHost": 1})
    equal(report["skipped"], skipped, "the reasons for which lines from Firehose are skipped")
    # Half of the lines are not more than half of them.
    equal(report.get("mostlySkipped", []), [], "what the function reports as mostly skipped")
    print(f"  {len(lines)} records of Firehose came back as {', '.join(results)}, and {len(calls)} of their lines are at the Node")

    # Of a stream without log groups, the alarm and the query name the stream.
    transform(stack, service, ["no access-log line"] * 3)
    line = report_lines(stack)[-1]
    report = json.loads(line)
    equal(report["mostlySkipped"], [stream_arn(stack).rsplit("/", 1)[1]], "what the function reports as mostly skipped")
    equal(report["logGroupsMostlySkipped"], 1, "the metric of the alarm log-groups-skipped")
    equal(report["message"], "event forwarded", "the message of that line")
    (alarm,) = stack.aws("cloudwatch").describe_alarms(AlarmNames=[f"{stack.name}-log-groups-skipped"])["MetricAlarms"]
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    metric = (alarm["Namespace"], alarm["MetricName"], "Count", dimensions, 1)
    assert metric in metrics_of(stack, line), f"the alarm log-groups-skipped does not see {line}"


def stream_arn(stack):
    """The stream of the configuration, or one that somebody else has given the function to."""
    other = f"arn:aws:firehose:{stack.emulator.region}:{emulator.ACCOUNT}:deliverystream/other"
    return stack.outputs.get("access_log_stream_arn") or other


def default_host_of(stack):
    """The host of those lines of the stream that have none."""
    return stack.settings.get("default_hosts", {}).get(stream_arn(stack).rsplit("/", 1)[1])


def transform(stack, service, lines):
    """Passes records of one line to the function as Firehose does, and returns their results."""
    arn = stream_arn(stack)
    function = stack.function_name
    if stack.outputs.get("access_log_stream_arn"):
        stream = stack.aws("firehose").describe_delivery_stream(DeliveryStreamName=arn.rsplit("/", 1)[1])
        (destination,) = stream["DeliveryStreamDescription"]["Destinations"]
        (processor,) = destination["ExtendedS3DestinationDescription"]["ProcessingConfiguration"]["Processors"]
        parameters = {each["ParameterName"]: each["ParameterValue"] for each in processor["Parameters"]}
        function = parameters["LambdaArn"].split(":function:")[1].removesuffix(":$LATEST")
    now = int(time.time() * 1000)
    records = [
        {"recordId": f"{RECORD_ID}{number:03}", "approximateArrivalTimestamp": now, "data": base64.b64encode(line.encode()).decode()}
        for number, line in enumerate(lines)
    ]
    event = {"invocationId": str(uuid.uuid4()), "deliveryStreamArn": arn, "region": stack.emulator.region, "records": records}
    outcome = service.invoke(function, event)
    assert not outcome.is_error, outcome.payload
    results = outcome.payload["records"]
    # Firehose takes each record that does not come back, or not like this, as failed.
    equal([each["recordId"] for each in results], [each["recordId"] for each in records], "the ids of the records that come back")
    for record, result in zip(records, results):
        expected = "" if result["result"] == "Dropped" else record["data"]
        equal(result["data"], expected, f"the data of a record that is {result['result']}")
    return [each["result"] for each in results]


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


def delivered_by_hand(stack, node, commands):
    """The README's way without a redrive: invoke the function with the payload, and delete the message."""
    node.start()
    commands.run(DEPLOYING, "**Failed events.**")
    arrives_late(node)
    queue = stack.aws("sqs").get_queue_attributes(QueueUrl=stack.outputs["failure_queue_url"], AttributeNames=["All"])["Attributes"]
    kept = queue["ApproximateNumberOfMessages"], queue["ApproximateNumberOfMessagesNotVisible"]
    equal(kept, ("0", "0"), "the messages in the failure queue, visible and hidden")
    print("  passed to the function by the README's commands, it arrives, and is deleted from the queue")


def redrive_delivers_it(stack, service, node):
    """An undelivered message stays in the queue; a delivered one is deleted."""
    equal(service.poll(stack.function_name), (1, 0), "messages received and deleted without a Node")
    node.start()
    equal(service.poll(stack.function_name), (1, 1), "messages received and deleted with a Node")
    arrives_late(node)
    print("  the redrive keeps it until a Node is back, and then delivers it")


def failed_records_are_replayed(stack, service, node, commands):
    """What Firehose writes below the prefix for errors comes back by the commands of both README files."""
    settings = stack.settings
    line = json.loads(access_log_line(stack, "/orders/f3", output="access_log_format_lean_rest"))
    host = line["domainName"]
    if default_host_of(stack):
        host = default_host_of(stack)
        del line["domainName"]
    line = json.dumps(line)
    equal(transform(stack, service, [line]), ["ProcessingFailed"], "the results of records without a Node")
    has_stream = bool(stack.outputs.get("access_log_stream_arn"))
    (report,) = function_reports(stack)[-1:]
    equal(report["recordsUndelivered"], 1, "the metric of the alarm access-log-stream-undelivered")

    # As the guide of Firehose says, under "Handle failure in data transformation".
    failed = {
        "attemptsMade": 1,
        "arrivalTimestamp": 1793527200000,
        "errorCode": "Lambda.FunctionError",
        "errorMessage": "The Lambda function was successfully invoked but it returned an error result.",
        "attemptEndingTimestamp": 1793527260000,
        "rawData": base64.b64encode(line.encode()).decode(),
        "lambdaArn": f"{stack.function['FunctionArn']}:$LATEST",
    }
    bucket = stack.outputs.get("access_log_stream_bucket") or "other"
    place = commands.s3 / bucket / "failed/processing-failed/2026/11/01/10"
    place.mkdir(parents=True)
    stored = place / "amazon-apigateway-x-1-2026-11-01-10-00-00-0a1b2c3d"
    stored.write_text(json.dumps(failed) + "\n")
    function_readme = {"NAME": stack.function_name, "STREAM": stream_arn(stack).split("/")[-1], "BUCKET": f"{bucket}/failed"}
    journal = "failed.cw-resend-journal"
    if has_stream:
        left = commands.run(DEPLOYING, "**The access-log stream.**")
    else:
        left = commands.run(FUNCTION, "**Firehose** can use the function", **function_readme)
    assert (left / journal).exists(), "nothing is left though there is no Node"
    node.start()
    left = commands.run(FUNCTION, "**Firehose** can use the function", **function_readme)
    assert not (left / journal).exists(), "records are left though there is a Node"
    node.report(1)
    if has_stream:
        left = commands.run(DEPLOYING, "**The access-log stream.**")
        assert not (left / journal).exists(), "records are left though there is a Node"
        # In another replay of the same objects, a line has the same id.
        node.report(1, repeated=1)
    path = "/orders/{id}" if settings.get("path_source") == "template" else "/orders/f3"
    calls = {(headers["host"], target) for _, target, headers, _ in node.messages()}
    equal(calls, {(host, path)}, "host and path of the call that was replayed")
    times = {json.loads(body)["requestTimeEpoch"] for _, _, _, body in node.messages() if body}
    equal(times, {failed["arrivalTimestamp"]}, "the time of the call that was replayed")
    print("  a record without a Node is ProcessingFailed, and is replayed by the README's commands")


def arrives_late(node):
    node.report(1)
    (target,) = {target for _, target, _, _ in node.messages()}
    equal(target, "/prod/lost", "the path of the record that was lost")
