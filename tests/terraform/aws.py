"""As much of the AWS CLI 2 as the commands in the README files use, against the emulator. S3 is a directory, which
S3_DIRECTORY names.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

import boto3
from botocore.config import Config


def client(service, **settings):
    return boto3.client(service, region_name=os.environ["AWS_REGION"], config=Config(**settings))


def invoke(arguments):
    """Like the CLI, it succeeds even if the function fails."""
    parser = argparse.ArgumentParser(prog="aws lambda invoke", allow_abbrev=False)
    parser.add_argument("--function-name", required=True)
    parser.add_argument("--cli-read-timeout", choices=["0"], required=True)
    parser.add_argument("--payload", required=True)
    parser.add_argument("--output", choices=["json"])
    parser.add_argument("outfile", type=Path)
    options = parser.parse_args(arguments)
    payload = Path(options.payload.removeprefix("fileb://")).read_bytes()
    # For the CLI, 0 is no timeout. After the default one, the same event would be sent again while the function works.
    aws_lambda = client("lambda", read_timeout=None)
    response = aws_lambda.invoke(FunctionName=options.function_name, InvocationType="RequestResponse", Payload=payload)
    options.outfile.write_bytes(response["Payload"].read())
    error = response.get("FunctionError")
    print(json.dumps({"StatusCode": response["StatusCode"], **({"FunctionError": error} if error else {})}))


def receive_message(arguments):
    """Without a message, the CLI prints nothing."""
    parser = argparse.ArgumentParser(prog="aws sqs receive-message", allow_abbrev=False)
    parser.add_argument("--queue-url", required=True)
    parser.add_argument("--max-number-of-messages", type=int)
    parser.add_argument("--visibility-timeout", type=int)
    parser.add_argument("--wait-time-seconds", type=int)
    parser.add_argument("--message-attribute-names")
    parser.add_argument("--output", choices=["json"])
    options = parser.parse_args(arguments)
    # The emulator does not wait.
    response = client("sqs").receive_message(
        QueueUrl=options.queue_url,
        MaxNumberOfMessages=options.max_number_of_messages,
        VisibilityTimeout=options.visibility_timeout,
        MessageAttributeNames=[options.message_attribute_names],
    )
    if response.get("Messages"):
        print(json.dumps({"Messages": response["Messages"]}))


def delete_message_batch(arguments):
    parser = argparse.ArgumentParser(prog="aws sqs delete-message-batch", allow_abbrev=False)
    parser.add_argument("--queue-url", required=True)
    parser.add_argument("--entries", required=True)
    parser.add_argument("--output", choices=["json"])
    options = parser.parse_args(arguments)
    entries = json.loads(Path(options.entries.removeprefix("file://")).read_text())
    # The emulator knows the call for one message.
    for entry in entries:
        client("sqs").delete_message(QueueUrl=options.queue_url, ReceiptHandle=entry["ReceiptHandle"])
    print(json.dumps({"Successful": [{"Id": entry["Id"]} for entry in entries]}))


def copy(arguments):
    parser = argparse.ArgumentParser(prog="aws s3 cp", allow_abbrev=False)
    parser.add_argument("--recursive", action="store_true", required=True)
    parser.add_argument("source")
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    source = Path(os.environ["S3_DIRECTORY"], options.source.removeprefix("s3://"))
    shutil.copytree(source, options.target, dirs_exist_ok=True)


COMMANDS = {
    ("lambda", "invoke"): invoke,
    ("sqs", "receive-message"): receive_message,
    ("sqs", "delete-message-batch"): delete_message_batch,
    ("s3", "cp"): copy,
}


if __name__ == "__main__":
    COMMANDS[tuple(sys.argv[1:3])](sys.argv[3:])
