"""Lambda's handling of an asynchronous event: it runs the deployed package, retries, and sends failed events
to the on-failure destination. The emulator stores functions, but does not run them.
"""

import http.server
import io
import json
import queue
import subprocess
import threading
import time
import uuid
import zipfile
from datetime import datetime, timezone
from pathlib import Path

from moto.awslambda.utils import get_backend

from emulator import ACCOUNT
from policies import Policy

VERSION = "/2018-06-01/runtime"
# The server behind the real Runtime API sends a larger body in chunks.
MAX_SIZED_BYTES = 2048


class Outcome:
    def __init__(self, is_error, payload):
        self.is_error = is_error
        self.payload = payload


class RuntimeApi:
    """The Runtime API for one execution environment and one event at a time."""

    def __init__(self):
        self.events = queue.Queue()
        self.outcomes = queue.Queue()
        # Set while the runtime asks for an event, and so has finished the last one.
        self.idle = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def handler(api):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                if self.path != f"{VERSION}/invocation/next":
                    return self.respond(404, b"")
                api.idle.set()
                request_id, event, headers = api.events.get()
                api.idle.clear()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
                for name, value in headers.items():
                    self.send_header(name, value)
                if len(event) > MAX_SIZED_BYTES:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event))
                else:
                    self.send_header("Content-Length", str(len(event)))
                    self.end_headers()
                    self.wfile.write(event)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.path.rsplit("/", 1)[1]
                if kind not in ("response", "error"):
                    return self.respond(404, b"")
                # An error at start belongs to the event that waits for the function.
                api.outcomes.put(Outcome(kind == "error", json.loads(body)))
                self.respond(202, b'{"status":"OK"}\n')

            def respond(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler


class ExecutionEnvironment:
    """A process that runs the package that the emulator stores for a function."""

    def __init__(self, function, directory, overrides):
        self.function = function
        self.overrides = overrides
        self.root = Path(directory)
        self.root.mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as package:
            for entry in package.infolist():
                path = Path(package.extract(entry, self.root))
                # Lambda uses the file mode of the package: a bootstrap that is not executable does not start.
                path.chmod(entry.external_attr >> 16 or 0o644)
        self.api = RuntimeApi()
        self.process = None
        # In a file, all output is readable as soon as the function has finished.
        log = self.root.parent / f"{self.root.name}.log"
        self.output, self.reader = log.open("ab"), log.open()

    def variables(self):
        """The function's environment variables as Lambda sets them, without any of this process."""
        function = self.function
        group = (function.logging_config or {}).get("LogGroup", f"/aws/lambda/{function.function_name}")
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": function.handler,
            "LAMBDA_TASK_ROOT": str(self.root),
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_LOG_FORMAT": (function.logging_config or {}).get("LogFormat", "Text"),
            **({"AWS_LAMBDA_LOG_LEVEL": level} if (level := (function.logging_config or {}).get("ApplicationLogLevel")) else {}),
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            **function.environment_vars,
            **self.overrides,
        }

    def start(self):
        self.process = subprocess.Popen(
            [self.root / "bootstrap"],
            cwd=self.root,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
        )

    def printed(self):
        """The lines printed since the last call."""
        return self.reader.read().splitlines()

    def invoke(self, event, request_id):
        if self.process is None or self.process.poll() is not None:
            self.start()
        deadline = time.time() + self.function.timeout
        headers = {
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.function.function_arn,
        }
        self.api.events.put((request_id, json.dumps(event).encode(), headers))
        while True:
            try:
                outcome = self.api.outcomes.get(timeout=0.1)
                while not self.api.idle.wait(timeout=0.1) and self.process.poll() is None:
                    pass
                return outcome
            except queue.Empty:
                if self.process.poll() is not None:
                    return self.broken(
                        "Runtime.ExitError",
                        f"RequestId: {request_id} Error: Runtime exited with error: exit status {self.process.returncode}",
                    )
                if time.time() > deadline:
                    self.kill()
                    seconds = self.function.timeout
                    return self.broken("Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds}.00 seconds")

    @staticmethod
    def broken(kind, message):
        return Outcome(True, {"errorType": kind, "errorMessage": message})

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.kill()
        self.api.stop()
        self.output.close()
        self.reader.close()


class Role:
    """The permissions of a role, from the policies that the emulator stores for it."""

    def __init__(self, iam, arn):
        name = arn.rsplit("/", 1)[1]
        documents = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            policy = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
            version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
            documents.append(version["PolicyVersion"]["Document"])
        self.trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        self.documents = documents
        self.policy = Policy(*documents)

    def allows(self, action, resource, context=None):
        return self.policy.allows(action, resource, context)


class LambdaService:
    """Processes events from the emulator as Lambda's queue does, one after another."""

    def __init__(self, emulator, directory, overrides):
        self.emulator = emulator
        self.directory = Path(directory)
        self.overrides = overrides
        self.environments = {}
        self.waiting = queue.Queue()
        self.attempts = []
        self.errors = []
        threading.Thread(target=self.work, daemon=True).start()

    def handle(self, function, event):
        """For the emulator: accepts an asynchronous event, and does not wait for its result."""
        self.waiting.put((function, event))

    def wait(self):
        """Waits until each event has succeeded or failed."""
        self.waiting.join()
        if self.errors:
            raise self.errors[0]

    def stop(self):
        for environment in self.environments.values():
            environment.stop()

    def work(self):
        while True:
            function, event = self.waiting.get()
            try:
                self.run(function, event)
            except Exception as error:  # `wait` raises it.
                self.errors.append(error)
            finally:
                self.waiting.task_done()

    def run(self, function, event):
        settings = self.emulator.client("lambda").get_function_event_invoke_config(FunctionName=function.function_name)
        request_id = str(uuid.uuid4())
        attempts = 1 + settings["MaximumRetryAttempts"]
        # AWS waits one minute before the second attempt and two before the third; this is not tested here.
        for attempt in range(1, attempts + 1):
            outcome = self.execute(function, event, request_id)
            self.attempts.append((request_id, outcome))
            if not outcome.is_error:
                return
        self.fail(function, settings, event, request_id, attempt, outcome)

    def execute(self, function, event, request_id):
        name = function.function_name
        environment = self.environments.get(name)
        if environment is None:
            environment = self.environments[name] = ExecutionEnvironment(function, self.directory / name, self.overrides)
        outcome = environment.invoke(event, request_id)
        self.log(function, environment)
        return outcome

    def invoke(self, name, event):
        """A synchronous invocation: the caller gets its outcome, and Lambda does not retry."""
        return self.invoke_function(self.function(name), event)

    def invoke_function(self, function, event):
        """For the emulator: the same."""
        return self.execute(function, event, str(uuid.uuid4()))

    def function(self, name):
        return get_backend(ACCOUNT, self.emulator.region).get_function(name)

    def poll(self, name):
        """Polls once for a queue's event source mapping, as Lambda does. Returns the number of messages that it
        receives, and the number that it deletes.
        """
        function = self.function(name)
        every = self.emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        (mapping,) = [each for each in every if each["FunctionArn"] == function.function_arn]
        source = mapping["EventSourceArn"]
        role = Role(self.emulator.client("iam"), function.role)
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            if not role.allows(f"sqs:{action}", source):
                raise AssertionError(f"the function's role may not do sqs:{action} on {source}")
        sqs = self.emulator.client("sqs")
        url = sqs.get_queue_url(QueueName=source.rsplit(":", 1)[1])["QueueUrl"]
        response = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=mapping["BatchSize"], AttributeNames=["All"])
        messages = response.get("Messages", [])
        outcome = self.execute(function, {"Records": [record_of(each, source, function.region) for each in messages]}, str(uuid.uuid4()))
        failed = {each["MessageId"] for each in messages}
        if not outcome.is_error:
            failed = set()
            # Lambda reads the failed items only if the mapping says so.
            if "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []):
                failed = {each["itemIdentifier"] for each in (outcome.payload or {}).get("batchItemFailures", [])}
        for message in messages:
            handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
            if message["MessageId"] not in failed:
                sqs.delete_message(**handle)
            else:
                # AWS lets the visibility timeout pass; this test does not wait for it.
                sqs.change_message_visibility(**handle, VisibilityTimeout=0)
        return len(messages), len(messages) - len(failed)

    def log(self, function, environment):
        """Writes the function's output to its log group, if its role allows this."""
        variables = environment.variables()
        group, stream = variables["AWS_LAMBDA_LOG_GROUP_NAME"], variables["AWS_LAMBDA_LOG_STREAM_NAME"]
        lines = environment.printed()
        if not lines:
            return
        logs = self.emulator.client("logs")
        arn = f"arn:aws:logs:{function.region}:{function.account_id}:log-group:{group}:log-stream:{stream}"
        role = Role(self.emulator.client("iam"), function.role)
        if not (role.allows("logs:CreateLogStream", arn) and role.allows("logs:PutLogEvents", arn)):
            raise AssertionError(f"the function's role may not write to {group}")
        if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def fail(self, function, settings, event, request_id, attempt, outcome):
        """Sends the record of a failed event to the destination, in Lambda's format."""
        destination = settings["DestinationConfig"]["OnFailure"]["Destination"]
        if not destination.startswith("arn:aws:sqs:"):
            raise AssertionError(f"the on-failure destination must be a queue, and is {destination}")
        role = Role(self.emulator.client("iam"), function.role)
        if not role.allows("sqs:SendMessage", destination):
            raise AssertionError(f"the function's role may not send to {destination}")
        arn = f"{function.function_arn}:$LATEST"
        now = datetime.now(timezone.utc)
        record = {
            "version": "1.0",
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z",
            "requestContext": {
                "requestId": request_id,
                "functionArn": arn,
                "condition": "RetriesExhausted",
                "approximateInvokeCount": attempt,
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": outcome.payload,
        }
        sqs = self.emulator.client("sqs")
        url = sqs.get_queue_url(QueueName=destination.rsplit(":", 1)[1])["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(record, separators=(",", ":")))


def record_of(message, source, region):
    """A message in the form in which Lambda puts it into the event of a batch."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": region,
    }
