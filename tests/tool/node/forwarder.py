"""A forwarder that is not the function: it sends two messages for each line of a log.

Usage: forwarder.py LOG [DIFFERENCE …] < what `cw-resend node` prints

The address is in the first line that it reads. Everything that it reads goes on to standard output. Without a
difference it sends what the function sends. `names` has other names of headers and one more header; the others are what
forwarders differ in.
"""

import json
import socket
import sys
import uuid

# Made up: the names that Wallarm's function sends are not published.
OTHER_NAMES = {
    "X-Real-IP": "X-Client-IP",
    "X-Request-Id": "X-Call-Id",
    "X-Wallarm-Message": "X-Connector-Message",
}
NUMBERS = (
    "status",
    "responseLength",
    "responseLatency",
    "integrationLatency",
    "integrationStatus",
    "requestTimeEpoch",
)
TEXTS = ("protocol", "stage")


def messages(line, differences):
    call = json.loads(line)
    known = {name: value for name, value in call.items() if value != "-"}
    call_id = str(uuid.uuid4())
    host = known["domainName"]
    request = [
        ("Host", host),
        ("User-Agent", known["userAgent"]),
        ("X-Forwarded-For", known["sourceIp"]),
        ("X-Real-IP", known["sourceIp"]),
        ("X-Forwarded-Host", host),
        ("X-Forwarded-Proto", "https"),
        ("X-Request-Id", call_id),
        ("X-Wallarm-Application-Id", "-1"),
        ("X-Wallarm-Message", "request"),
    ]
    if known["httpMethod"] in ("POST", "PUT", "PATCH"):
        request.append(("Content-Length", "0"))
    document = {"requestId": known["requestId"]}
    document.update({name: int(known[name]) for name in NUMBERS if name in known})
    document.update({name: known[name] for name in TEXTS if name in known})
    if "types" in differences:
        document["status"] = str(document["status"])
    if "fields" in differences:
        document["region"] = "us-east-1"
        del document["stage"]
    body = json.dumps(document)
    if "text" in differences:
        body = "status=" + known["status"]
    response = [
        ("Host", host),
        ("X-Request-Id", call_id),
        ("X-Wallarm-Application-Id", "-1"),
        ("X-Wallarm-Message", "response"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
    ]
    if "application" in differences:
        request = [(name, "7" if name.endswith("-Id") and value == "-1" else value) for name, value in request]
        response = [(name, "7" if name.endswith("-Id") and value == "-1" else value) for name, value in response]
    if "absent" in differences:
        request = [header for header in request if header[0] != "X-Forwarded-Host"]
    if "order" in differences:
        request[1:3] = reversed(request[1:3])
    if "names" in differences:
        for headers in (request, response):
            headers[:] = [(OTHER_NAMES.get(name, name), value) for name, value in headers]
            headers.append(("X-Connector", "aws-api-gateway"))
    target = known["path"]
    if "target" in differences:
        target = target.removeprefix("/prod")
    method = "GET" if "method" in differences else known["httpMethod"]
    pair = [(method, target, request, ""), ("POST", target, response, body)]
    if "reversed" in differences:
        pair.reverse()
    return pair


def send(connection, method, target, headers, body):
    lines = [f"{method} {target} HTTP/1.1"] + [f"{name}: {value}" for name, value in headers]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    response = b""
    while not response.endswith(b"\r\n\r\n"):
        piece = connection.recv(4096)
        if not piece:
            raise SystemExit("the connection has ended")
        response += piece


def main():
    log, differences = sys.argv[1], sys.argv[2:]
    first = sys.stdin.readline()
    print(first, end="", flush=True)
    if first.startswith("{"):
        address = json.loads(first)["address"]
    else:
        address = first.split()[-1]
    host, _, port = address.rpartition(":")
    with open(log, encoding="utf-8") as file:
        calls = [messages(line, differences) for line in file]
    if "reordered" in differences:
        calls.reverse()
    with socket.create_connection((host, int(port))) as connection:
        for pair in calls:
            for message in pair:
                send(connection, *message)
        for line in sys.stdin:
            print(line, end="", flush=True)


main()
