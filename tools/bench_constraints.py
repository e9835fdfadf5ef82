#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times masks under JSON schemas, in turns with llguidance where that is installed (PyPI: llguidance, tokenizers).

    tools/bench_constraints.py BENCH_CONSTRAINT TOKENIZER.json [--rounds N]

The schemas and the values are those of tests/goldens/constraint/schemas.json, each value written as json.dumps writes
it, some hard ones (long texts, many optional properties, large enums, unions, patterns with lengths), and one of 50 KB. Prints, for both, the mean, the median and the 99th percentile of the time of a mask, and of
compiling a schema.
"""

import argparse
import json
import random
import statistics
import subprocess
import time
from pathlib import Path

import llguidance
import llguidance.numpy
import tokenizers

SCHEMAS = Path(__file__).parent.parent / "tests/goldens/constraint/schemas.json"


def large_schema():
    """About 50 KB of properties of every kind."""
    kinds = [{"type": "string"}, {"type": "integer", "minimum": 0, "maximum": 10000}, {"enum": ["one", "two", "three"]},
             {"type": "array", "items": {"type": "number"}, "maxItems": 8}, {"type": "boolean"},
             {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "string", "maxLength": 64}},
              "required": ["x"], "additionalProperties": False}]
    properties = {}
    while len(json.dumps(properties)) < 50000:
        i = len(properties)
        properties[f"property_{i}"] = {"description": f"the value number {i}", **kinds[i % len(kinds)]}
    return {"type": "object", "properties": properties, "required": list(properties)[:3], "additionalProperties": False}


def hard():
    """Schemas whose masks cost much, and values."""
    rng = random.Random(1)
    words = "the quick brown fox jumps over a lazy dog in M\u00fcnchen, \u6771\u4eac and elsewhere".split()

    def text(n):
        return " ".join(rng.choice(words) for _ in range(n))
    names = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(4, 12))) + str(i) for i in range(1000)]
    some = {"type": "string"}
    yield {"type": "string", "maxLength": 5000}, [text(200)]
    yield {"type": "string", "minLength": 50, "maxLength": 800}, [text(60)]
    yield {"type": "object", "properties": {n: some for n in names[:100]}}, [{n: text(3) for n in names[:100:9]}]
    yield {"type": "object", "properties": {n: some for n in names[:100]}, "additionalProperties": False}, [
        {n: text(3) for n in names[:100:9]}]
    yield {"type": "array", "items": {"enum": names}}, [names[::50]]
    yield {"type": "array", "items": {"anyOf": [
        {"type": "object", "properties": {"kind": {"const": n}, "value": some, n: {"type": "integer"}},
         "required": ["kind", "value"], "additionalProperties": False} for n in names[:100]]}}, [
        [{"kind": n, "value": text(5), n: 3} for n in names[:100:12]]]
    yield True, [{"a": [1, 2.5, {"b": text(10), "c": None}], "longer name": text(20), "x": {"y": [True, [[]], 1e10]}}]
    for pattern, value in [("^[^<>]*$", text(12)), ("^[A-Za-z0-9_-]{1,64}$", "Some_Identifier-12"), ("needle", text(5) + "needle"),
                           ("^([A-Z][a-z]+ )*[A-Z][a-z]+$", "John Peter Smith"), (r"^[\w.-]+(/[\w.-]+)*$", "src/text/a.c")]:
        yield {"type": "array", "items": {"type": "string", "pattern": pattern}}, [[value, value]]
        yield {"type": "array", "items": {"type": "string", "pattern": pattern, "maxLength": 2000}}, [[value, value]]
    for name, value in [("uri", "https://user@example.com:8080/a/b;c?d=%20e#f"), ("email", "joe.bloggs+tag@sub.example-host.org"),
                        ("hostname", "a-long-host-name.b.example.org"), ("date-time", "2024-06-01T12:00:00.123Z")]:
        yield {"type": "array", "items": {"type": "string", "format": name, "maxLength": 2000}}, [[value, value]]


def cases(tokenizer):
    rows = json.loads(SCHEMAS.read_text())
    rows += [{"schema": schema, "accepts": values} for schema, values in hard()]
    large = large_schema()
    rows.append({"schema": large, "accepts": [{"property_0": "a", "property_1": 5, "property_2": "two"}]})
    for row in rows:
        replies = [tokenizer.encode(json.dumps(v, **how), add_special_tokens=False).ids
                   for v in row["accepts"] for how in ({}, {"ensure_ascii": False, "separators": (",", ":")})]
        yield row["schema"], replies


def time_ours(program, tokenizer, tasks):
    lines = "".join(json.dumps({"schema": schema, "replies": replies}) + "\n" for schema, replies in tasks)
    out = subprocess.run([program, tokenizer], input=lines, capture_output=True, text=True, check=True).stdout
    results = [json.loads(line) for line in out.splitlines()]
    for (schema, _), result in zip(tasks, results):
        if "error" in result or result["refused_replies"]:
            raise SystemExit(f"{json.dumps(schema)[:200]}: {result.get('error', 'refuses a reply')}")
    return [r["compile_us"] for r in results], [r["mask_us"] for r in results]


def time_theirs(tokenizer, tasks):
    compiles, masks = [], []
    bitmask = llguidance.numpy.allocate_token_bitmask(1, tokenizer.vocab_size)
    for schema, replies in tasks:
        start = time.thread_time_ns()
        grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema))
        matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
        compiles.append((time.thread_time_ns() - start) / 1e3)
        times = []
        for reply in replies if not matcher.is_error() else []:
            matcher.reset()
            for token in reply:
                start = time.thread_time_ns()
                llguidance.numpy.fill_next_token_bitmask(matcher, bitmask)
                times.append((time.thread_time_ns() - start) / 1e3)
                if not matcher.consume_token(token):
                    break
        masks.append(times)
    return compiles, masks


def report(name, compiles, masks):
    times = sorted(t for case in masks for t in case)
    print(f"{name:11} masks {len(times):7}  mean {statistics.mean(times):8.2f} us  median {statistics.median(times):8.2f} us"
          f"  p99 {times[len(times) * 99 // 100]:9.2f} us  max {times[-1]:9.2f} us  "
          f"compile mean {statistics.mean(compiles) / 1e3:7.2f} ms  max {max(compiles) / 1e3:7.2f} ms  "
          f"50 KB {compiles[-1] / 1e3:7.2f} ms")
    return statistics.mean(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("tokenizer")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    tasks = list(cases(tokenizers.Tokenizer.from_file(args.tokenizer)))
    theirs = llguidance.LLTokenizer(args.tokenizer)
    for _ in range(args.rounds):
        a = time_ours(args.program, args.tokenizer, tasks)
        b = time_theirs(theirs, tasks)
        # The same cases on both sides: those that the other library compiles and follows to the end.
        both = [i for i in range(len(tasks)) if len(b[1][i]) == len(a[1][i]) > 0]
        mean = report("hob", a[0], [a[1][i] for i in both])
        other = report("llguidance", b[0], [b[1][i] for i in both])
        print(f"            {len(both)} of {len(tasks)} schemas on both sides; ratio of means {mean / other:.2f}")


main()
