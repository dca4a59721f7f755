#!/usr/bin/python3
"""Lists Tempest's tests, or runs some of them.

  tempest_forks.py list                  prints the id of each test
  tempest_forks.py run PLAN RESULTS      PLAN: one JSON list of test ids per line, all of one class, in the order to begin
                                         RESULTS: gets one JSON object for each test and for each line of the plan that ended

Tempest sleeps more than it works, and takes seconds to load. So it is loaded once, each line of the plan runs in a fork of
its own, and there are as many forks at a time as keep the machine busy. Nothing of the suite is changed.
"""
import collections
import json
import logging
import os
import random
import signal
import sys
import time
import unittest

import oslo_log.log
import testtools

TEMPEST = "/usr/lib/python3/dist-packages/tempest"
# At least this many at a time for each processor, however busy the machine; fewer, and all of them may be asleep at once.
FORKS_PER_CORE = int(os.environ.get("FORKS_PER_CORE", 8))
# More at a time and they stand in each other's way: quotas, hosts and addresses are those of one small cloud.
MAX_FORKS_PER_CORE = int(os.environ.get("MAX_FORKS_PER_CORE", 12))
# Another fork begins when this share of the processors was idle lately.
IDLE_SHARE = 0.15
LOOK_SECONDS = 0.3
# Several times what the longest line of the plan takes; then its fork hangs and is ended.
UNIT_SECONDS = int(os.environ.get("UNIT_SECONDS", 600))
# Of a failure's log the end is kept; requests are at most 4 KiB each there.
MAX_LOG_CHARS = 20_000
MAX_LOG_RECORDS = 60


def load():
    """Every test of the suite's APIs by its id."""
    # Where eventlet happens to be loaded, oslo.log makes the log's lock a pipe, which all forks would share: each would wait for
    # all others, and for ever once one ends with it. Nothing here uses green threads.
    oslo_log.log._fix_eventlet_logging = lambda: None
    loader = unittest.TestLoader()
    suite = loader.discover(os.path.join(TEMPEST, "api"), top_level_dir=os.path.dirname(TEMPEST))
    if loader.errors:
        sys.exit("\n".join(loader.errors))
    return {test.id(): test for test in flatten(suite)}


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


class LastRecords(logging.Handler):
    """Keeps the last records: class-level set-up has no log of its own in Tempest."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.records = collections.deque(maxlen=MAX_LOG_RECORDS)

    def emit(self, record):
        self.records.append(record.getMessage())

    def take(self):
        text = "\n".join(self.records)[-MAX_LOG_CHARS:]
        self.records.clear()
        return text


def run_unit(tests, results):
    """Runs tests of one class and appends what comes of it."""
    random.seed()  # else every fork would draw the same "random" names
    started = time.monotonic()
    last = LastRecords()
    logging.getLogger().addHandler(last)

    def write(event):
        os.write(results, (json.dumps(event) + "\n").encode())

    def ended(test):
        start, stop = test["timestamps"]
        failed = test["status"] in ("fail", "uxsuccess")
        log = last.take()
        write({
            "id": test["id"],
            "status": test["status"],
            "seconds": (stop - start).total_seconds() if start and stop else 0,
            "reason": text_of(test, "reason"),
            "traceback": text_of(test, "traceback"),
            "log": log if failed else "",
        })

    result = testtools.ExtendedToStreamDecorator(testtools.StreamToDict(ended))
    result.startTestRun()
    unittest.TestSuite(tests).run(result)
    result.stopTestRun()
    write({"unit": class_of(tests[0]), "tests": len(tests), "seconds": time.monotonic() - started})


def text_of(test, prefix):
    details = test["details"]
    return "\n".join(details[name].as_text() for name in sorted(details) if name.split("-")[0] == prefix)


def class_of(test):
    return f"{type(test).__module__}.{type(test).__qualname__}"


class Processors:
    """How idle the machine was since the last look."""

    def __init__(self):
        self.before = self.read()

    @staticmethod
    def read():
        with open("/proc/stat") as stat:
            ticks = [int(word) for word in stat.readline().split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    def idle_share(self):
        idle, every = self.read()
        idle_before, every_before = self.before
        self.before = idle, every
        return (idle - idle_before) / max(1, every - every_before)


def run(plan, results):
    """Runs the units of the plan, each in a fork."""
    known = load()
    queue = collections.deque(plan)
    running = {}
    cores = len(os.sched_getaffinity(0))
    processors = Processors()
    looked, may_fork = time.monotonic(), True

    def stop(*_):
        for pid in running:
            os.kill(pid, signal.SIGKILL)
        os._exit(1)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while queue or running:
        now = time.monotonic()
        if now - looked >= LOOK_SECONDS:
            may_fork = len(running) < MAX_FORKS_PER_CORE * cores and processors.idle_share() > IDLE_SHARE
            looked = now
        if queue and (len(running) < FORKS_PER_CORE * cores or may_fork):
            may_fork = False
            ids = queue.popleft()
            running[fork([known[name] for name in ids], results)] = now
            continue
        for pid, started in running.items():
            if now - started > UNIT_SECONDS:
                os.kill(pid, signal.SIGKILL)
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            del running[pid]
            if status != 0:
                print(f"a fork ended with status {status}", file=sys.stderr)
        time.sleep(0.05)


def fork(tests, results):
    pid = os.fork()
    if pid != 0:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        run_unit(tests, results)
        status = 0
    except BaseException as error:
        print(f"{class_of(tests[0])}: {error!r}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        os._exit(status)


os.umask(0o077)  # the log has tokens and passwords
if sys.argv[1] == "list":
    print("\n".join(sorted(load())))
else:
    with open(sys.argv[2]) as lines:
        units = [json.loads(line) for line in lines]
    run(units, os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
