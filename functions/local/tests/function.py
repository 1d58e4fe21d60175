"""A small Lambda function for the tests, in place of a compiled one: the Runtime API's loop and nothing else."""

import http.client
import json
import os
import sys
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
PREFIX = "/2018-06-01/runtime"


def call(method, path, body=None):
    connection = http.client.HTTPConnection(API)
    connection.request(method, PREFIX + path, body)
    answer = connection.getresponse()
    return answer.headers, answer.read()


tried = {}


def handle(event):
    if event.get("do") == "environment":
        return dict(os.environ)
    if event.get("do") == "fail":
        raise ValueError("on purpose")
    if event.get("do") == "hang":
        time.sleep(600)
    if event.get("do") == "exit":
        print("going down", flush=True)
        os._exit(3)
    if event.get("do") == "wait":
        time.sleep(0.3)
    failures = []
    for record in event.get("Records", []):
        if "body" in record and json.loads(record["body"]).get("fail_until", 0) > int(
            record["attributes"]["ApproximateReceiveCount"]
        ):
            failures.append({"itemIdentifier": record["messageId"]})
        if "dynamodb" in record:
            key = record["dynamodb"]["Keys"]["k"]["S"]
            print("stream", json.dumps(record), flush=True)
            tried[key] = tried.get(key, 0) + 1
            if key.startswith("bad") and tried[key] < 3:
                failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
                break
        else:
            print("record", json.dumps(record), flush=True)
    if "Records" in event:
        return {"batchItemFailures": failures}
    return {"got": event}


print("started", os.getpid(), flush=True)
if os.environ.get("FAIL_INIT"):
    call("POST", "/init/error", json.dumps({"errorType": "Init", "errorMessage": "cannot start"}))
    sys.exit(1)
while True:
    try:
        headers, body = call("GET", "/invocation/next")
    except OSError:
        sys.exit(0)
    request = headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        result = handle(json.loads(body))
        call("POST", f"/invocation/{request}/response", json.dumps(result))
    except Exception as error:
        failure = {"errorType": type(error).__name__, "errorMessage": str(error)}
        call("POST", f"/invocation/{request}/error", json.dumps(failure))
