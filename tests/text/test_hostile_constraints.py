# SPDX-License-Identifier: Apache-2.0
"""Hostile schemas, grammars and patterns: each gets one line of error, or is no harm, within 250 ms of processor time
and 64 MB; and none of them makes the program open a connection."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "cli"))
import hob  # noqa: E402

SECONDS, MEGABYTES, TRIES = 0.25, 64, 3
SANITIZED = b"__asan_init" in open(hob.HOB, "rb").read()


def nest(start, end, n, inner=""):
    return start * n + inner + end * n


def doubling(n):
    """Rules of which each is the one before twice."""
    return "root ::= r%d\nr0 ::= \"a\"\n" % n + "".join("r%d ::= r%d r%d\n" % (i, i - 1, i - 1) for i in range(1, n + 1))


def doubling_refs(n, how):
    """Definitions of which each names the one before twice."""
    defs = {"d0": {"type": "string"}}
    for i in range(1, n + 1):
        defs["d%d" % i] = {how: [{"$ref": "#/$defs/d%d" % (i - 1)}, {"$ref": "#/$defs/d%d" % (i - 1)}]}
    return {"$ref": "#/$defs/d%d" % n, "$defs": defs}


def crossed(n, m):
    """A choice of m in each of n places at once."""
    return {"allOf": [{"anyOf": [{"properties": {"p%d_%d" % (i, k): {"type": "string"}}} for k in range(m)]}
                      for i in range(n)]}


def chain(n):
    return {"$ref": "#/$defs/d0", "$defs": {"d%d" % i: {"$ref": "#/$defs/d%d" % (i + 1)} for i in range(n)}}


# Name, source, whether it has to be refused (None: either).
GRAMMARS = [
    ("left recursion", 'root ::= root "a" | "b"', True),
    ("left recursion of two", 'root ::= x "a"\nx ::= root "b" | "c"', True),
    ("left recursion behind the empty", 'root ::= e root "a" | "b"\ne ::= "x"?', True),
    ("left recursion behind a repetition", 'root ::= "x"* root "a" | "b"', True),
    ("left recursion in a group", 'root ::= (root | "a") "b"', True),
    ("left recursion in a rule of no use", 'root ::= "a"\nx ::= x "b" | "c"', True),
    ("left recursion in a long chain", "root ::= r0\n" + "".join("r%d ::= r%d\n" % (i, (i + 1) % 20000) for i in range(20000)), True),
    ("recursion without an end", 'root ::= "a" root', True),
    ("recursion without an end, of two", 'root ::= "a" x\nx ::= "b" root', True),
    ("doubling rules", doubling(30), None),
    ("many doubling rules", doubling(20000), None),
    ("doubling and empty", doubling(60).replace('"a"', '"a"?'), None),
    ("as many alternatives as fit", "root ::= " + "|".join(['"%x"' % i for i in range(140000)]), None),
    ("a million alternatives, all alike", 'root ::= "a"' + '|"a"' * 260000, None),
    ("a million empty alternatives", "root ::= " + "|" * 1000000, None),
    ("a huge repetition", 'root ::= "a"{1000000000}', True),
    ("a repetition past 64 bits", 'root ::= "a"{99999999999999999999999}', True),
    ("repetitions of repetitions", 'root ::= (("a"{1,3000}){1,3000}){1,3000}', True),
    ("stars of stars", "root ::= " + nest("(", ")*", 100, '"a"'), None),
    ("stars of stars past the limit", "root ::= " + nest("(", ")*", 100000, '"a"'), True),
    ("parentheses", "root ::= " + "(" * 900000, True),
    ("optional parts in a row", 'root ::= ' + '"a"? ' * 30000, None),
    ("ambiguous repetitions", 'root ::= ("a" | "a" | "aa")* ("a" | "aa")* ("a"* "a"*)* "b"', None),
    ("recursive ambiguity", 'root ::= r{10,13} "b"{999,} | (r r [ab]* ("b" r+)* | "b" (. | "")){999}\nr ::= "b"? "a" r{0,40}', None),
    ("counted ambiguity", 'root ::= (("a" | "aa"){1,500}){1,500} "b"', None),
    ("a long literal", 'root ::= "' + "a" * 1000000 + '"', None),
    ("a megabyte of nothing", "root ::= \"a\"" + " " * 1048000, None),
    ("a grammar past a megabyte", "root ::= \"a\"\n#" + "x" * (2 << 20), True),
    ("a class of many ranges", "root ::= [" + "".join(chr(0x4E00 + 2 * i) for i in range(10000)) + "]", None),
    ("many classes", "root ::= " + "|".join("[^%c]" % chr(0x4E00 + i) for i in range(20000)), None),
    ("many rules that name the next", "root ::= r0\n" + "".join('r%d ::= "a" r%d | "b"\n' % (i, i + 1) for i in range(30000)) + 'r30000 ::= "c"', None),
    ("nested deeper than a stack", "root ::= r0\n" + "".join('r%d ::= "(" r%d ")"\n' % (i, i + 1) for i in range(30000)) + 'r30000 ::= "c"', None),
    ("optional and nested deep", "root ::= r0*\n" + "".join('r%d ::= r%d?\n' % (i, i + 1) for i in range(50000)) + 'r50000 ::= "c"?', None),
]
SCHEMAS = [
    ("a reference to itself", {"$ref": "#"}, True),
    ("references in a ring", {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, True),
    ("allOf of itself", {"allOf": [{"$ref": "#"}]}, True),
    ("anyOf of itself", {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, True),
    ("oneOf of itself", {"oneOf": [{"$ref": "#"}, {"type": "null"}]}, True),
    ("a required property of itself", {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, True),
    ("items of itself, at least one", {"type": "array", "items": {"$ref": "#"}, "minItems": 1}, True),
    ("a chain of references", chain(20000), True),
    ("a remote reference", {"$ref": "http://127.0.0.1:9/schema.json"}, True),
    ("a remote reference below", {"properties": {"a": {"$ref": "https://example.com/s#/a"}}}, True),
    ("a file reference", {"$ref": "file:///etc/passwd"}, True),
    ("a relative reference", {"$ref": "../../secret.json#/a"}, True),
    ("a remote meta schema", {"$schema": "http://127.0.0.1:9/meta", "type": "null"}, None),
    ("a remote id", {"$id": "http://127.0.0.1:9/id", "$ref": "other"}, True),
    ("doubling allOf", doubling_refs(40, "allOf"), None),
    ("doubling anyOf", doubling_refs(40, "anyOf"), None),
    ("doubling oneOf", doubling_refs(40, "oneOf"), True),
    ("choices in many places at once", crossed(16, 4), True),
    ("choices in places, a few", crossed(6, 6), None),
    ("many values", {"enum": list(range(120000))}, None),
    ("many strings", {"enum": ["%x" % i for i in range(90000)]}, None),
    ("many branches of oneOf", {"oneOf": [{"const": i} for i in range(5000)]}, None),
    ("many branches of objects", {"oneOf": [{"properties": {"a": {"type": "string"}, "b%d" % i: {}}} for i in range(3000)]}, True),
    ("many properties", {"properties": {"p%d" % i: {} for i in range(60000)}}, None),
    ("many properties, counted", {"properties": {"p%d" % i: {} for i in range(3000)}, "minProperties": 1500}, True),
    ("a huge minItems", {"type": "array", "minItems": 1000000000000}, True),
    ("huge minItems, nested", {"type": "array", "minItems": 99999, "items": {"type": "array", "minItems": 99999, "items": {"type": "array", "minItems": 99999}}}, None),
    ("a huge minLength", {"type": "string", "minLength": 10 ** 18}, True),
    ("a huge maxLength with a pattern", {"type": "string", "pattern": "^(ab|cd)*$", "maxLength": 10 ** 15, "minLength": 99999}, None),
    ("a length of the wrong parity", {"type": "string", "pattern": "^(aa)*$", "minLength": 99999, "maxLength": 99999}, True),
    ("a huge maxProperties", {"type": "object", "maxProperties": 10 ** 15}, None),
    ("a huge multipleOf", {"type": "integer", "multipleOf": 1000000007}, True),
    ("many multiples at once", {"type": "integer", "allOf": [{"multipleOf": p} for p in (2, 3, 5, 7, 11, 13, 17)]}, True),
    ("bounds of many digits", {"type": "number", "minimum": 1.2345678901234567e-300, "maximum": 9.876543210987654e300}, None),
    ("many numbers", {"properties": {"p%d" % i: {"type": "number", "minimum": i + 0.5} for i in range(5000)}}, None),
    ("deep JSON", None, True),
    ("a pattern that explodes", {"pattern": "^(a|aa)+$", "maxLength": 3000}, None),
    ("a pattern with a far end", {"pattern": "a.{5000}b", "minLength": 3}, True),
    ("a pattern with a power set", {"pattern": "(a|b)*a(a|b){20}c", "maxLength": 100}, True),
    ("many patterns of names", {"patternProperties": {"a%d" % i: {} for i in range(500)}}, True),
    ("patterns of names that explode", {"patternProperties": {"^(a|b)*a(a|b){9}$": {}, "^(a|b)*b(a|b){9}$": {}, "c(a|b){9}$": {}}}, None),
    ("unknown keywords", {"properties": {"a": {"unknown": {}}}}, True),
    ("many large patterns", {"properties": {"p%d" % i: {"type": "string", "pattern": "(?:[^a]a|b%d){1000}" % i, "maxLength": 9}
                                            for i in range(20)}}, True),
]
PATTERNS = [
    ("nested stars", "(((((a*)*)*)*)*)*b", None),
    ("catastrophic", "^(([a-z])+.)+[A-Z]([a-z])+$", None),
    ("optional and counted", "(a?){1000}(a){1000}", None),
    ("counted counts", "((a{1,100}){1,100}){1,100}", None),
    ("counted counts past the limit", "(((a{1,1000}){1,1000}){1,1000}){1,1000}", True),
    ("a huge count", "a{2147483648}", True),
    ("groups", "(" * 60000, True),
    ("groups that close", nest("(", ")", 30000, "a"), True),
    ("alternatives", "|".join("a%d" % i for i in range(9000)), None),
    ("empty alternatives", "|" * 60000, None),
    ("long classes", "[" + "".join(chr(0x4E00 + 2 * i) for i in range(9000)) + "]{50}", None),
    ("many wide classes", "".join("[^%c]" % chr(0x4E00 + i) for i in range(4000)), None),
    ("classes of \\W", "\\W" * 5000, None),
    ("a pattern past 64 KiB", "a" * 70000, True),
    ("a back reference", "(a+)+\\1", True),
    ("look ahead", "(?=(a+))a*b\\1", True),
]


# A process starts with the memory of its parent on its account, and this one is large: a small one stands between.
MEASURE = """
import json, os, subprocess, sys
stdin, stderr = open(sys.argv[1], "rb"), open(sys.argv[2], "wb")
process = subprocess.Popen(sys.argv[3:], stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""
TEXTS = ["a" * 200, '{"a": [1, "' + "ab" * 100]


def write(name, data):
    path = os.path.join(hob.TEMP, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def run(option, text, is_file):
    """(exit code, error, seconds, megabytes) of hob constrain on some texts."""
    given = write("hostile", text) if is_file else text
    texts = write("texts", b"".join(json.dumps(text).encode() + b"\n" for text in TEXTS))
    errors = write("errors", b"")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, texts, errors, hob.HOB, "constrain", option, given,
                           "--strings"], capture_output=True, env=hob.ENV, timeout=60)
    code, seconds, megabytes = json.loads(done.stdout)
    with open(errors, encoding="utf-8", errors="replace") as file:
        return code, file.read(), seconds, megabytes


def in_time(seconds):
    return seconds <= SECONDS or seconds <= SECONDS * hob.slowness()


def check(option, text, refused, is_file):
    code, error, seconds, megabytes = run(option, text, is_file)
    fast = SANITIZED or in_time(seconds)
    for _ in range(0 if fast else TRIES - 1):  # the machine may be busy
        seconds = run(option, text, is_file)[2]
        fast = fast or in_time(seconds)
    said = "exit %d, %.0f ms, %.0f MB: %s" % (code, seconds * 1e3, megabytes, error[:300])
    if os.environ.get("HOB_TEST_VERBOSE"):
        print("#", said.strip(), flush=True)
    assert code in (0, 3, 5), said
    assert refused is None or (code != 0) == refused, said
    assert (code == 0) == (error == ""), said
    assert error.count("\n") == (code != 0) and len(error) < 400, said
    assert fast and (SANITIZED or megabytes <= MEGABYTES), said


def deep():
    return nest('{"items":', "}", 100000, "{}")


def cases():
    for name, text, refused in GRAMMARS:
        yield "grammar: " + name, "--grammar", text.encode(), refused, True
    for name, schema, refused in SCHEMAS:
        yield "schema: " + name, "--schema", (json.dumps(schema) if schema else deep()).encode(), refused, True
    for name, text, refused in PATTERNS:
        yield "pattern: " + name, "--regex", text.encode(), refused, False




CASES = list(cases())
assert len(CASES) >= 60
hob.main([(name, lambda rest=rest: check(*rest)) for name, *rest in CASES])
