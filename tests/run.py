#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs checks and the test programs of meson builds, adds up their TAP points, and ends with one line:

    N passed, N failed, N skipped

A check is a command: its TAP points count when it prints some, else its exit status counts as one point. A program
that dies, runs too long or prints fewer points than it planned is one failure more. Exit status: 1 when something
failed.

    tests/run.py --build build                       every test of one build
    tests/run.py --build build-asan:asan             the tests of one suite of a build
    tests/run.py --check 'format=clang-format ...'   a command, before the builds' tests
    tests/run.py --build build json map              only tests whose name or suite is given
"""
import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

POINT = re.compile(r"(not )?ok\b\s*(\d*)\s*(?:-\s*)?(.*)$")
PLAN = re.compile(r"1\.\.(\d+)\s*(#.*)?$")
SKIP = re.compile(r"#\s*skip\b", re.IGNORECASE)
TAIL_LINES = 40
CHECK_TIMEOUT_S = 3600


class Result:
    """What one program said: counts, and the text to print for what failed."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = 0
        self.seconds = 0.0
        self.reports = []

    def fail(self, title, lines):
        self.failed += 1
        self.reports.append("\n".join([f"not ok: {self.name}: {title}"] + ["    " + line for line in lines]))


def tail(lines):
    return [f"... {len(lines) - TAIL_LINES} lines before"] + lines[-TAIL_LINES:] if len(lines) > TAIL_LINES else lines


def read_tap(result, lines):
    """Adds the points of `lines` to `result`; returns (points planned or None, points seen)."""
    planned, seen, said, title = None, 0, [], None

    def close_failure():
        if title is not None:
            result.fail(title, tail(said))

    for line in lines:
        plan, point = PLAN.match(line), POINT.match(line)
        if plan:
            planned = (planned or 0) + int(plan.group(1))
            if plan.group(1) == "0":
                result.skipped += 1
        elif point:
            close_failure()
            seen += 1
            failed = point.group(1) and not SKIP.search(line)
            # Diagnostics stand before the point (what the program printed) and after it (# lines).
            said = said if failed and title is None else []
            title = (point.group(3) or f"point {seen}") if failed else None
            if SKIP.search(line):
                result.skipped += 1
            elif not failed:
                result.passed += 1
            if not failed:
                said = []
        elif line.startswith("Bail out!"):
            result.fail(line, [])
        else:
            said.append(line)
    close_failure()
    return planned, seen


def describe_status(status):
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def execute(command, env, cwd, timeout_s):
    """Runs a command in a process group of its own; returns (status, whether it ran too long, lines)."""
    with tempfile.TemporaryFile() as out:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                       env=env, cwd=cwd, start_new_session=True)
        except OSError as error:
            return 127, False, [str(error)]
        late = False
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            late = True
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        out.seek(0)
        return process.returncode, late, out.read().decode("utf-8", "replace").splitlines()


def judge(name, command, env, cwd, timeout_s, must_plan):
    result, start = Result(name), time.monotonic()
    status, late, lines = execute(command, env, cwd, timeout_s)
    result.seconds = time.monotonic() - start
    planned, seen = read_tap(result, lines)
    if late:
        result.fail(f"still ran after {timeout_s:.0f} s", tail(lines))
    elif planned is None and not must_plan and seen == 0:
        if status == 0:
            result.passed += 1
        else:
            result.fail(describe_status(status), tail(lines))
    elif planned is None:
        result.fail(f"printed no plan; {describe_status(status)}", tail(lines))
    elif seen != planned:
        result.fail(f"planned {planned} points, printed {seen}; {describe_status(status)}", tail(lines))
    elif status != 0 and result.failed == 0:
        result.fail(f"all points passed, but {describe_status(status)}", tail(lines))
    return result


def tests_of(build, suite, names):
    """The tests of a build folder, as meson lists them."""
    listing = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, text=True)
    if listing.returncode != 0:
        raise RuntimeError(f"{build}: meson cannot list the tests: {listing.stderr.strip() or listing.stdout.strip()}")
    for test in json.loads(listing.stdout):
        suites = [s.split(":")[-1] for s in test["suite"]]
        if suite and suite not in suites:
            continue
        if names and test["name"] not in names and not set(suites) & set(names):
            continue
        yield test


def announce(result, width):
    counts = f"{result.passed} passed"
    if result.failed:
        counts += f", {result.failed} FAILED"
    if result.skipped:
        counts += f", {result.skipped} skipped"
    print(f"{result.name:<{width}}  {result.seconds:6.1f} s  {counts}", flush=True)
    for report in result.reports:
        print(report, flush=True)


def main():
    parser = argparse.ArgumentParser(description="Runs checks and tests; ends with 'N passed, N failed, N skipped'.")
    parser.add_argument("--build", action="append", default=[], metavar="DIR[:SUITE]", help="a meson build folder")
    parser.add_argument("--suite", help="only this suite, in builds that name none")
    parser.add_argument("--check", action="append", default=[], metavar="NAME=COMMAND", help="a shell command")
    parser.add_argument("--long", action="store_true", help="let tests take long (HOB_TEST_LONG=1)")
    parser.add_argument("--jobs", type=int, default=2, help="test programs at a time (default 2)")
    parser.add_argument("names", nargs="*", help="only tests of these names or suites")
    options = parser.parse_args()

    base_env = dict(os.environ)
    base_env.setdefault("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1")
    base_env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    base_env.setdefault("TSAN_OPTIONS", "halt_on_error=1")
    if options.long:
        base_env["HOB_TEST_LONG"] = "1"

    # A background job of a shell ignores Ctrl-C, and so would its children; tests of Ctrl-C want them not to.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    results = []
    width = 36

    def done(result):
        results.append(result)
        announce(result, width)

    for check in options.check:
        name, _, command = check.partition("=")
        done(judge(name, ["bash", "-c", command], base_env, None, CHECK_TIMEOUT_S, False))

    for build in options.build:
        folder, _, suite = build.partition(":")
        try:
            tests = list(tests_of(folder, suite or options.suite, options.names))
        except (RuntimeError, OSError) as error:
            result = Result(folder)
            result.fail(str(error), [])
            done(result)
            continue

        def run(test):
            env = {**base_env, **test["env"]}
            timeout_s = test["timeout"] * (20 if options.long else 1)
            return judge(f"{os.path.basename(folder)}: {test['name']}", test["cmd"], env, test["workdir"],
                         timeout_s, True)

        together = [t for t in tests if t.get("is_parallel", True)]
        with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
            for future in concurrent.futures.as_completed([pool.submit(run, t) for t in together]):
                done(future.result())
        for test in tests:
            if test not in together:
                done(run(test))

    passed = sum(r.passed for r in results)
    failed = sum(r.failed for r in results)
    skipped = sum(r.skipped for r in results)
    failures = [report.splitlines()[0] for r in results for report in r.reports]
    if failures:
        print("\nFailed:")
        for line in failures:
            print("  " + line)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or passed + skipped == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
