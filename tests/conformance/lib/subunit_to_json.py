#!/usr/bin/python3
"""Reads a subunit v2 stream and prints one JSON object per event that ended: id, status, seconds, reason, traceback, log."""
import json
import sys

import subunit
import testtools


def ended(test):
    details = test["details"]

    def text(*names):
        return next((details[n].as_text() for n in names if n in details), "")

    start, stop = test["timestamps"]
    print(json.dumps({
        "id": test["id"],
        "status": test["status"],
        "seconds": (stop - start).total_seconds() if start and stop else 0,
        "reason": text("reason"),
        "traceback": text("traceback", "traceback-1"),
        "log": text("pythonlogging:''")[-6000:],
    }))


results = testtools.StreamToDict(ended)
results.startTestRun()
subunit.ByteStreamToStreamResult(open(sys.argv[1], "rb"), non_subunit_name="stdout").run(results)
results.stopTestRun()
