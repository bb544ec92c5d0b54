"""The design of the replaced function: two exchanges for a record, one after the other, over one pool."""

import base64
import gzip
import json
import os

import urllib3

SCHEME = os.environ.get("X_NODE_SCHEME", "https")
BASE = f"{SCHEME}://{os.environ['X_NODE_URL']}"
APPLICATION_ID = os.environ.get("X_WALLARM_APPLICATION_ID", "-1")

http = urllib3.PoolManager(ca_certs=os.environ.get("X_NODE_CA_CERT"), retries=False)

TEXTS = ("requestId", "protocol", "stage", "errorMessage")
NUMBERS = (
    "status",
    "responseLength",
    "responseLatency",
    "integrationLatency",
    "integrationStatus",
    "requestTimeEpoch",
)


def handler(event, context):
    data = gzip.decompress(base64.b64decode(event["awslogs"]["data"]))
    log_events = json.loads(data)["logEvents"]
    for log_event in log_events:
        forward(log_event["id"], json.loads(log_event["message"]))
    return {"forwarded": len(log_events)}


def forward(event_id, line):
    """Sends the call itself, and then its response."""
    host = line["domainName"]
    url = BASE + line["path"]
    headers = {
        "Host": host,
        "X-Forwarded-Host": host,
        "X-Forwarded-Proto": "https",
        "X-Request-Id": event_id,
        "X-Wallarm-Application-Id": APPLICATION_ID,
        "X-Wallarm-Message": "request",
    }
    if is_present(line["userAgent"]):
        headers["User-Agent"] = line["userAgent"]
    if is_present(line["sourceIp"]):
        headers["X-Forwarded-For"] = line["sourceIp"]
        headers["X-Real-IP"] = line["sourceIp"]
    send(line["httpMethod"], url, headers, None)

    response = {name: line[name] for name in TEXTS if is_present(line[name])}
    response |= {name: int(line[name]) for name in NUMBERS if is_present(line[name])}
    headers = {
        "Host": host,
        "X-Request-Id": event_id,
        "X-Wallarm-Application-Id": APPLICATION_ID,
        "X-Wallarm-Message": "response",
        "Content-Type": "application/json",
    }
    send("POST", url, headers, json.dumps(response))


def send(method, url, headers, body):
    response = http.request(method, url, headers=headers, body=body)
    if response.status // 100 != 2:
        raise RuntimeError(f"the Node responded with {response.status}")


def is_present(text):
    """The gateway writes `-` for an absent value."""
    return text not in ("", "-")
