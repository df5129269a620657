"""Writing a failed run down as a program that needs boto3 only.

It makes the same calls in the same order and compares the same answers. Moves of the clock go through `ddbproof clock`, as
only the reference endpoint's can be moved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pprint import pformat

from ddbproof.conformance.fuzz.steps import Step

_HEAD = '''"""Found by ddbproof fuzz: {title}.

Needs boto3. Start an endpoint, for example `ddbproof serve --port 8000`, then run

    python {name} --endpoint http://127.0.0.1:8000

Where time has to pass, the reference endpoint's clock is moved with `ddbproof clock`; of another endpoint
it is waited for. Exit code 1 if the answer is still wrong, 0 if it is right.
"""

import argparse
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

import boto3
from botocore.exceptions import ClientError

# Operation, Region, arguments, what is looked at in the answer, what it must be (an error code, or right answers).
# A restore names its second relative to the beginning of the run.
STEPS = {steps}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--wait", action="store_true", help="wait for time to pass instead of moving a clock")
    options = parser.parse_args()
    clients, arns, began = {{}}, {{}}, None
    for operation, region, arguments, look, expected in STEPS:
        if region not in clients:
            clients[region] = boto3.client(
                "dynamodb", region_name=region, endpoint_url=options.endpoint,
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="any",
            )
        if began is None:
            began = beginning_of_a_second(clients[region])
        if operation == "advance":
            pass_seconds(options, arguments["seconds"])
            continue
        if "RestoreDateTime" in arguments:
            arguments["RestoreDateTime"] = began + timedelta(seconds=arguments["RestoreDateTime"])
        if "BackupArn" in arguments:
            arguments["BackupArn"] = arns[arguments["BackupArn"]]
        try:
            answer = getattr(clients[region], operation)(**arguments)
            seen = looked_at(look, answer)
        except ClientError as error:
            answer, seen = {{}}, error.response["Error"]["Code"]
        if "BackupDetails" in answer:
            arns[len(arns)] = answer["BackupDetails"]["BackupArn"]
        right = seen == expected if isinstance(expected, str) else seen in expected
        print("ok " if right else "BAD", operation, region, arguments)
        if not right:
            print(f"    must be {{expected}}\\n    and is  {{seen}}")
            return 1
    return 0


def beginning_of_a_second(client):
    """The endpoint's time as its next second begins, so that the run has most of that second for itself."""
    first = date_of(client)
    while (now := date_of(client)) == first:
        time.sleep(0.01)
    return now


def date_of(client):
    date = client.list_tables(Limit=1)["ResponseMetadata"]["HTTPHeaders"]["date"]
    return datetime.strptime(date, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=timezone.utc)


def looked_at(look, answer):
    if look == "item":
        return answer.get("Item", {{}}).get("v", {{}}).get("S")
    if look == "items":
        return {{item["pk"]["S"]: item["v"]["S"] for item in answer.get("Items", [])}}
    return None


def pass_seconds(options, seconds):
    if options.wait:
        time.sleep(seconds)
    else:
        command = ["ddbproof", "clock", "--url", options.endpoint, "--advance", f"{{seconds}}s"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
'''


def written(steps: Sequence[Step], name: str, began: int, arns: Sequence[str]) -> str:
    """The program for these steps; `began` is the second in which the run began, `arns` its backups'."""
    rows = []
    for step in steps:
        if step.operation == "advance":
            rows.append(("advance", "us-east-1", {"seconds": step.seconds}, "", [None]))
            continue
        arguments = dict(step.arguments)
        if "RestoreDateTime" in arguments:
            arguments["RestoreDateTime"] = int(arguments["RestoreDateTime"].timestamp()) - began
        if arguments.get("BackupArn") in arns:
            arguments["BackupArn"] = arns.index(arguments["BackupArn"])
        rows.append((step.operation, step.region, arguments, step.look, step.expected))
    title = re.sub(r"[\\\"]", "", str(steps[-1]))
    return _HEAD.format(title=title, name=name, steps=pformat(rows, width=110, sort_dicts=False))
