# SPDX-License-Identifier: Apache-2.0
"""JSON Schema both ways: what json.dumps writes of a value that fits is let through, what does not fit is not, and what
random walks over the tokens of a vocabulary end in validates with the `jsonschema` package."""
import collections
import datetime
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "cli"))
import hob  # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

WALK = os.path.join(os.path.dirname(hob.HOB), "tests", "text", "constraint_walk")
TOKENIZERS = ("llama3", "gemma3", "llama2")
N_WALKS = 1000 if hob.LONG else 10
BLOCK = 10  # schemas a process
SEED = int(os.environ.get("HOB_TEST_SEED", "20240601"))


def walk(tokenizer, tasks):
    """What constraint_walk says to each task."""
    lines = "".join(json.dumps(task) + "\n" for task in tasks)
    done = subprocess.run([WALK, os.path.join(hob.GOLDENS, "tokenizers", tokenizer + ".json")], input=lines.encode(),
                          capture_output=True, timeout=3600)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows():
    made = hob.golden("constraint/schemas")
    assert len(made) >= 300
    return made


def spellings(value):
    """What json.dumps writes: plain, compact, indented, in ASCII and not."""
    for ascii_only in (True, False):
        yield json.dumps(value, ensure_ascii=ascii_only)
        yield json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))
        yield json.dumps(value, ensure_ascii=ascii_only, indent=2)
        yield json.dumps(value, ensure_ascii=ascii_only, indent=4)


def test_values():
    made = rows()
    tasks, wanted = [], []
    for row in made:
        whole = [text for value in row["accepts"] for text in spellings(value)]
        wrong = [text for value in row["rejects"] for text in spellings(value)]
        tasks.append({"schema": row["schema"], "texts": whole + wrong})
        wanted.append([True] * len(whole) + [False] * len(wrong))
    bad = []
    for task, want, said in zip(tasks, wanted, walk("llama3", tasks)):
        assert "error" not in said, (task["schema"], said)
        assert len(said["texts"]) == len(want)
        bad += [(task["schema"], text, verdict) for text, fits, verdict in zip(task["texts"], want, said["texts"])
                if (verdict[0] == "whole") != fits]
    assert not bad, "%d wrong, the first: %s" % (len(bad), bad[0])
    assert sum(map(sum, wanted)) > 5000 and sum(not w for want in wanted for w in want) > 5000


def is_hostname(text):
    return len(text) <= 253 and all(re.fullmatch("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", label)
                                    for label in text.split("."))


def is_time(text):
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-](\d\d):(\d\d))", text, re.ASCII)
    return bool(match) and int(match[1]) < 24 and int(match[2]) < 60 and int(match[3]) < 60 and (
        match[6] is None or (int(match[6]) < 24 and int(match[7]) < 60))


def is_date(text):
    try:
        return len(text) == 10 and bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def is_duration(text):
    day_time = r"(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?"
    return bool(re.fullmatch(r"P(?=\d|T)((\d+Y)?(\d+M)?%s|\d+W)" % day_time, text, re.ASCII))


# jsonschema checks these only where further packages are installed, and some of them loosely.
CHECKS = {
    "hostname": is_hostname, "time": is_time, "date": is_date, "duration": is_duration,
    "date-time": lambda text: text[10:11] in "Tt" and is_date(text[:10]) and is_time(text[11:]),
    "email": lambda text: bool(re.fullmatch(r'("(?:[^"\\]|\\.)+"|[^\s"@]+)@[^\s@]+', text)),
    "uri": lambda text: bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]*", text)) and not re.search(
        r'[<>"{}|\\^`]|%(?![0-9A-Fa-f]{2})', text),
}


def formats_hold(checker):
    def both(own, known):
        return lambda value: not isinstance(value, str) or (own(value) and (not known or known[0](value)))
    for name, own in CHECKS.items():
        known = checker.checkers.get(name)
        checker.checks(name, known[1] if known else ())(both(own, known))
    return checker


def check_walks(tokenizer):
    if jsonschema is None:
        raise hob.Skip("the Python package jsonschema is not installed")
    validator_class = jsonschema.Draft202012Validator
    checker = formats_hold(getattr(validator_class, "FORMAT_CHECKER", None) or jsonschema.draft202012_format_checker)
    made, counted = rows(), collections.Counter()
    for start in range(0, len(made), BLOCK):
        block = made[start:start + BLOCK]
        tasks = [{"schema": row["schema"], "walks": N_WALKS, "seed": SEED + start + i} for i, row in enumerate(block)]
        for task, said in zip(tasks, walk(tokenizer, tasks)):
            assert "error" not in said, (task, said)
            validator = validator_class(task["schema"], format_checker=checker)
            for text in said["walks"]:
                assert text is not None, "no way to an end: %s" % task
                value = json.loads(text)
                problem = next(validator.iter_errors(value), None)
                assert problem is None, "HOB_TEST_SEED=%d: %s: %s: %s" % (SEED, task, text, problem)
                counted[len(text) > 40] += 1
    assert counted[True] + counted[False] == N_WALKS * len(made)
    assert counted[True] > N_WALKS * len(made) / 8 and counted[False] > N_WALKS * len(made) / 8, counted


# What formats have written as another value than the schema wants.
NESTED = {"type": "object", "required": ["list", "deep"], "properties": {
    "list": {"type": "array", "items": {"enum": ["x", 1.5, True, "null", None]}, "minItems": 1},
    "deep": {"type": "object", "properties": {"n": {"type": ["integer", "string"]}, "json": {"const": "5"}}}}}


def test_calls():
    """Calls of every format have one call, of the tool that there is, whose arguments validate."""
    if jsonschema is None:
        raise hob.Skip("the Python package jsonschema is not installed")
    schemas = [NESTED] + [row["schema"] for row in rows()
                          if isinstance(row["schema"], dict) and row["schema"].get("type") == "object"][::3 if hob.LONG else 12]
    formats = sorted(name for name in os.listdir(os.path.join(hob.GOLDENS, "replies")))
    templates = [hob.golden("replies/" + name[:-5])["template"] for name in formats]
    tasks = [{"tools": [{"name": "f", "parameters": schema}], "template": template, "walks": 50 if hob.LONG else 3,
              "seed": SEED + i} for i, schema in enumerate(schemas) for template in templates]
    n_refused = n_done = 0
    for task, said in zip(tasks, walk("llama3", tasks)):
        n_refused += "error" in said
        validator = jsonschema.Draft202012Validator(task["tools"][0]["parameters"])
        for text, calls in zip(said.get("walks", []), said.get("calls", [])):
            assert text is not None, "no way to an end: %s" % task
            assert len(calls) == 1 and calls[0]["name"] == "f" and "cut" not in calls[0], (task, text, calls)
            arguments = calls[0]["arguments"]  # text where a JSON reader refuses it: integers past 64 bits
            arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
            problem = next(validator.iter_errors(arguments), None)
            assert problem is None, "HOB_TEST_SEED=%d: %s: %s: %s" % (SEED, task, text, problem)
            n_done += 1
    assert n_done > len(tasks) and n_refused < len(tasks) / 3, (n_done, n_refused, len(tasks))


hob.main([("values", test_values), ("calls", test_calls)] + [("walks " + name, lambda name=name: check_walks(name)) for name in
                                      (TOKENIZERS if hob.LONG else TOKENIZERS[:1])])
