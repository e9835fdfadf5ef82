#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/goldens/constraint/schemas.json: schemas, values that each accepts and values that it does not, as the
`jsonschema` package (with its `format` extra) judges them.

    tools/constraint_schemas.py > tests/goldens/constraint/schemas.json
"""

import json
import random
import sys

from jsonschema import Draft202012Validator

SEED = 1
FORMATS = {
    "date": ["2024-02-29", "1999-12-31"],
    "time": ["23:59:59Z", "08:30:06.283185+01:00"],
    "date-time": ["2024-06-01T12:00:00Z", "1963-06-19T08:30:06.5-08:00"],
    "duration": ["P4DT12H30M5S", "PT36H", "P2W", "P1Y2M3D"],
    "email": ["joe.bloggs@example.com", "te~st+tag@sub.example-host.org"],
    "hostname": ["example.com", "a-1.b.example.org", "localhost"],
    "ipv4": ["192.168.0.1", "255.255.255.255", "0.0.0.0"],
    "ipv6": ["::1", "2001:db8::ff00:42:8329", "::ffff:192.0.2.128", "fe80::"],
    "uuid": ["2EB8AA08-aa98-11ea-b4aa-73b441d16380"],
    "uri": ["http://foo.bar/?baz=qux#quux", "urn:oasis:names:specification:docbook", "mailto:a@b.example",
            "https://user:pw@example.com:8080/a/b;c?d=%20e"],
}
NOT_FORMATS = ["", "x", "2024-02-30", "24:00:00Z", "12:00", "P", "1.2.3.256", ":::1", "a b", "@", "no uri"]
PATTERNS = {
    "^[a-z]+$": (["a", "hello"], ["", "A", "a1", "a\n"]),
    "^[A-Z]{2}-\\d{3,6}$": (["AB-123", "XY-654321"], ["AB-12", "ab-123", "AB-1234567"]),
    "foo": (["foo", "a foo b", "food"], ["", "fo", "f oo"]),
    "^(red|green|blue)( \\d+)?$": (["red", "blue 12"], ["red ", "redgreen"]),
    "^\\S+@\\S+$": (["a@b"], ["a b@c", "@"]),
    "^#?([a-fA-F0-9]{6}|[a-fA-F0-9]{3})$": (["#ffffff", "abc"], ["#ffff", "xyz"]),
    "^.{2,4}$": (["ab", "日本語", "\U0001f600\U0001f600"], ["a", "abcde", "a\nb"]),
    "\\.(jpg|png)$": (["a.jpg", ".png"], ["ajpg", "a.jpg2"]),
    "^v": (["v1", "v"], ["av", ""]),
    "[0-9]": (["a1b", "7"], ["abc", ""]),
    "^$": ([""], ["a"]),
    "^\"\\\\/\t$": (["\"\\/\t"], ["\""]),
    "^(\\w+,)*\\w+$": (["a,b", "abc"], [",", "a,"]),
    "^[^<>&]*$": (["plain text", ""], ["<b>"]),
    "^(?:25[0-5]|1?[0-9]{1,2})$": (["7", "255", "199"], ["256", "2555"]),
    "^\u00e9t\u00e9$": (["\u00e9t\u00e9"], ["ete"]),
}


def sample_string(schema, rng):
    if "format" in schema:
        return rng.choice(FORMATS[schema["format"]])
    if "pattern" in schema:
        return rng.choice(PATTERNS[schema["pattern"]][0])
    low = schema.get("minLength", 0)
    n = rng.randint(low, min(schema.get("maxLength", low + 12), low + 12))
    return "".join(rng.choice("abc XYZ019_-.,\"\\/\n\t\u00e9\u65e5\U0001f600") for _ in range(n))


def sample_number(schema, rng):
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    low = (high - 100 if high is not None else -100) if low is None else low
    high = low + 1000 if high is None else high
    if schema["type"] == "integer" or "multipleOf" in schema:
        step = schema.get("multipleOf", 1)
        return rng.randint(-(-int(low) // step), int(high) // step) * step
    return rng.choice([low, high, rng.uniform(low, high), round(rng.uniform(low, high), 2)] +
                      ([int((low + high) / 2)] if high < 1e18 else []))


def sample_object(schema, root, rng, depth):
    value = {}
    for name, sub in schema.get("properties", {}).items():
        if name in schema.get("required", []) or (depth < 4 and rng.random() < 0.6):
            value[name] = sample(sub, root, rng, depth + 1)
    for name in schema.get("required", []):
        value.setdefault(name, 1)
    extra = schema.get("additionalProperties", {})
    if extra is not False and depth < 3 and rng.random() < 0.4:
        value["other " + str(rng.randint(0, 9))] = sample(extra, root, rng, depth + 1)
    return value


def sample_array(schema, root, rng, depth):
    prefix = schema.get("prefixItems", [])
    low = schema.get("minItems", 0)
    n = rng.randint(low, max(low, min(schema.get("maxItems", low + 3), low + 3 if depth < 4 else low)))
    return [sample(prefix[i] if i < len(prefix) else schema.get("items", {}), root, rng, depth + 1) for i in range(n)]


def sample(schema, root, rng, depth=0):
    """A value that probably fits; jsonschema has the last word."""
    if schema is True or schema == {}:
        return rng.choice([None, True, 3, "any", [1], {"a": 1}] if depth < 4 else [0, "s"])
    if schema is False:
        return None
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].split("/")[1:]:
            target = target[step]
        return sample(target, root, rng, depth)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            branches = schema[key]
            branch = rng.choice(branches)
            if depth > 4:  # the one that leads on least
                branch = min(branches, key=lambda b: ("$ref" in json.dumps(b), len(json.dumps(b))))
            rest = {k: v for k, v in schema.items() if k != key}
            return sample({**rest, **branch} if rest and isinstance(branch, dict) else branch, root, rng, depth)
    if "allOf" in schema:
        merged = {k: v for k, v in schema.items() if k != "allOf"}
        for part in schema["allOf"]:
            while "$ref" in part:
                part = root["$defs"][part["$ref"].split("/")[-1]]
            for k, v in part.items():
                merged[k] = {**merged.get(k, {}), **v} if isinstance(v, dict) else \
                    merged.get(k, []) + v if isinstance(v, list) else v
        return sample(merged, root, rng, depth)
    kinds = schema.get("type")
    if kinds is None:
        kinds = "object" if "properties" in schema else "array" if "items" in schema or "prefixItems" in schema else \
            "string" if {"pattern", "format", "minLength", "maxLength"} & set(schema) else \
            "number" if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} & set(schema) else \
            "object"
    kind = rng.choice(kinds) if isinstance(kinds, list) else kinds
    schema = {**schema, "type": kind}
    return {"null": lambda: None, "boolean": lambda: rng.random() < 0.5,
            "string": lambda: sample_string(schema, rng),
            "integer": lambda: sample_number(schema, rng), "number": lambda: sample_number(schema, rng),
            "array": lambda: sample_array(schema, root, rng, depth),
            "object": lambda: sample_object(schema, root, rng, depth)}[kind]()


def spoil(value, rng):
    """The value with one thing in it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(list(value))
        how = rng.randrange(3)
        if how == 0:
            return {k: v for k, v in value.items() if k != name}
        if how == 1:
            return {**value, "unwanted": 1}
        return {k: spoil(v, rng) if k == name else v for k, v in value.items()}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return rng.choice([value[:at] + value[at + 1:], value + [value[at]],
                           value[:at] + [spoil(value[at], rng)] + value[at + 1:]])
    if isinstance(value, str):
        return rng.choice([value + value + "x", value[1:], value + "\n", "", 7, None])
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return rng.choice([value + 1, value - 1, value + 0.5, -value, value * 1000, str(value), None])
    return rng.choice([None, 0, 1, "", True, [], {}, "no"])


def made():
    """Schemas that use each keyword by itself and with others."""
    yield from [{}, True, {"type": "null"}, {"type": "boolean"}, {"type": ["string", "null"]}, {"type": "object"},
                {"type": "array"}, {"type": "string"}, {"type": "number"}, {"type": "integer"},
                {"type": ["integer", "boolean", "array"]}]
    for name in FORMATS:
        yield {"type": "string", "format": name}
    for pattern in PATTERNS:
        yield {"type": "string", "pattern": pattern}
        yield {"type": "object", "properties": {"v": {"type": "string", "pattern": pattern}}, "required": ["v"],
               "additionalProperties": False}
    for low, high in [(0, 0), (1, 1), (0, 3), (2, 5), (10, 10), (3, 40)]:
        yield {"type": "string", "minLength": low, "maxLength": high}
        yield {"type": "array", "items": {"type": "integer"}, "minItems": low, "maxItems": high}
        yield {"type": "array", "items": {"type": "string", "maxLength": high}, "minItems": low}
    yield {"type": "string", "minLength": 3}
    yield {"type": "string", "maxLength": 300}
    for bounds in [{"minimum": 0}, {"maximum": 0}, {"minimum": -5, "maximum": 5}, {"exclusiveMinimum": 0},
                   {"exclusiveMaximum": 10}, {"minimum": 1, "maximum": 1}, {"minimum": 18, "maximum": 120},
                   {"minimum": -1000000, "maximum": -999}, {"exclusiveMinimum": -1, "exclusiveMaximum": 1},
                   {"minimum": 99, "maximum": 1001}, {"minimum": 123456789, "maximum": 9876543210}]:
        yield {"type": "integer", **bounds}
        yield {"type": "number", **bounds}
    for bounds in [{"minimum": 0.5}, {"maximum": -0.25}, {"minimum": 0, "maximum": 1}, {"minimum": 1.5, "maximum": 2.75},
                   {"exclusiveMinimum": 0.1, "exclusiveMaximum": 0.2}, {"minimum": -90.0, "maximum": 90.0},
                   {"minimum": 1e-7, "maximum": 1e-3}, {"minimum": 1e15, "maximum": 1e20},
                   {"minimum": -1.5, "maximum": 1e300}]:
        yield {"type": "number", **bounds}
    for step in [1, 2, 3, 5, 7, 10, 60, 100]:
        yield {"type": "integer", "multipleOf": step}
        yield {"type": "integer", "multipleOf": step, "minimum": 0, "maximum": 1000}
        yield {"type": "number", "multipleOf": step, "exclusiveMinimum": -300}
    for values in [["a"], ["red", "green", "blue"], [1, 2, 30], [None, True, False], ["a", 1, None, 2.5],
                   ["\u00e9", "\n", "\"q\"", "\U0001f600"], [[1, 2], {"a": [None]}], [""], [-1, 0, 1e10]]:
        yield {"enum": values}
        yield {"const": values[0]}
        yield {"type": "array", "items": {"enum": values}, "maxItems": 3}
    yield {"type": "integer", "enum": [1, 5, 50], "minimum": 2}
    yield {"type": "string", "enum": ["a", "abc", "abcdef"], "minLength": 2, "maxLength": 4}
    for n in range(5):
        properties = {name: {"type": kind} for name, kind in
                      zip(["id", "name", "ok", "tags", "n"], ["integer", "string", "boolean", "array", "number"])}
        required = list(properties)[:n]
        yield {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        yield {"type": "object", "properties": properties, "required": required[::-1]}
        yield {"type": "object", "properties": properties, "required": required,
               "additionalProperties": {"type": "integer"}}
        yield {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": n}
        yield {"type": "object", "properties": properties, "additionalProperties": False, "maxProperties": n}
        yield {"properties": properties, "minProperties": min(n, 1), "maxProperties": n + 2}
    yield {"type": "object", "required": ["a", "b"]}
    yield {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2}
    yield {"type": "object", "properties": {"a": False, "b": {}}, "additionalProperties": False}
    yield {"type": "object", "properties": {"a\"b": {"type": "null"}, "\u00e9": {}, "a/b": {}, "": {}}, "required": [""]}
    for patterns in [{"^a": {"type": "integer"}}, {"^a": {"type": "integer"}, "b$": {"maximum": 9}},
                     {"^x-": {}, "^[0-9]+$": {"type": "boolean"}}]:
        yield {"type": "object", "patternProperties": patterns, "additionalProperties": False}
        yield {"type": "object", "patternProperties": patterns}
        yield {"type": "object", "properties": {"abc": {"minimum": 3}}, "patternProperties": patterns,
               "additionalProperties": {"type": "string"}}
    for prefix in [[{"type": "integer"}], [{"type": "integer"}, {"type": "string"}], [{}, {"const": 1}, {"type": "null"}]]:
        for rest in [{}, {"items": False}, {"items": {"type": "boolean"}}, {"minItems": 2}, {"maxItems": 2},
                     {"minItems": len(prefix), "items": False}]:
            yield {"type": "array", "prefixItems": prefix, **rest}
    text, number = {"type": "string"}, {"type": "number"}
    yield {"anyOf": [text, number]}
    yield {"anyOf": [{"type": "object", "properties": {"a": text}, "required": ["a"], "additionalProperties": False},
                     {"type": "object", "properties": {"a": number, "b": text}, "required": ["a", "b"],
                      "additionalProperties": False}]}
    yield {"type": "object", "properties": {"a": text, "b": text}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    yield {"oneOf": [text, number, {"type": "null"}]}
    yield {"oneOf": [{"type": "integer", "maximum": 0}, {"type": "integer", "minimum": 1}, {"enum": ["x", "y"]}]}
    yield {"oneOf": [{"type": "object", "properties": {"kind": {"const": k}, k: {"type": "integer"}},
                      "required": ["kind"], "additionalProperties": False} for k in ("circle", "square")]}
    yield {"allOf": [{"type": "object", "properties": {"a": text}, "required": ["a"]},
                     {"type": "object", "properties": {"b": number}, "required": ["b"]}]}
    yield {"allOf": [{"minimum": 3}, {"maximum": 9}], "type": "integer"}
    yield {"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"extra": {"type": "boolean"}}}],
           "$defs": {"base": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}}}
    yield {"allOf": [{"type": "string", "pattern": "^[a-z]+$"}, {"minLength": 2, "maxLength": 5}]}
    yield {"$ref": "#/$defs/t", "$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}, "maxItems": 2}}}
    yield {"type": "object", "properties": {"value": {"type": "integer"},
                                            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
           "required": ["value", "next"], "additionalProperties": False}
    yield {"type": "object", "properties": {"name": text, "children": {"type": "array", "items": {"$ref": "#"}}},
           "required": ["name", "children"], "additionalProperties": False}
    yield {"$defs": {"expr": {"anyOf": [{"type": "number"}, {"type": "object", "properties": {
        "op": {"enum": ["+", "*"]}, "left": {"$ref": "#/$defs/expr"}, "right": {"$ref": "#/$defs/expr"}},
        "required": ["op", "left", "right"], "additionalProperties": False}]}}, "$ref": "#/$defs/expr"}


def tools():
    """Arguments of tools, as programs declare them."""
    def tool(required, **properties):
        for i, spec in properties.items():
            properties[i] = {"type": spec} if isinstance(spec, str) else spec
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "arguments", "type": "object",
                "properties": properties, "required": required.split(), "additionalProperties": False}

    def described(kind, text, **rest):
        return {"type": kind, "description": text, **rest}
    strings = {"type": "array", "items": {"type": "string"}}
    yield tool("location", location=described("string", "city and country"), unit={"enum": ["celsius", "fahrenheit"]},
               days=described("integer", "of forecast", minimum=1, maximum=14, default=3))
    yield tool("origin destination date", origin={"type": "string", "pattern": "^[A-Z]{2}-\\d{3,6}$"}, destination="string",
               date={"type": "string", "format": "date"}, passengers={"type": "integer", "minimum": 1, "maximum": 9},
               cabin={"enum": ["economy", "business", "first"]}, flexible="boolean")
    yield tool("to subject body", to={"type": "array", "items": {"type": "string", "format": "email"}, "minItems": 1},
               cc={"type": "array", "items": {"type": "string", "format": "email"}}, subject={"type": "string", "maxLength": 120},
               body="string", urgent={"type": "boolean", "default": False})
    yield tool("query", query="string", limit={"type": "integer", "minimum": 1, "maximum": 100}, filters={
        "type": "object", "properties": {"language": {"enum": ["en", "de", "fr"]}, "after": {
            "type": "string", "format": "date-time"}, "sites": strings}, "additionalProperties": False})
    yield tool("path", path={"type": "string", "minLength": 1}, recursive="boolean", depth={"type": ["integer", "null"], "minimum": 0})
    yield tool("path edits", path="string", edits={"type": "array", "minItems": 1, "items": {
        "type": "object", "properties": {"old_text": {"type": "string"}, "new_text": {"type": "string"},
                                         "line": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}},
        "required": ["old_text", "new_text"], "additionalProperties": False}})
    yield tool("sql", sql="string", parameters={"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}},
               timeout_ms={"type": "integer", "minimum": 0, "maximum": 60000, "multipleOf": 100})
    yield tool("amount currency", amount={"type": "number", "exclusiveMinimum": 0}, currency={"enum": ["EUR", "USD", "JPY"]},
               note={"type": ["string", "null"], "maxLength": 140})
    yield tool("title start end", title="string", start={"type": "string", "format": "date-time"},
               end={"type": "string", "format": "date-time"}, attendees={"type": "array", "items": {"type": "string", "format": "email"}},
               reminder={"type": "string", "format": "duration"})
    yield tool("steps final", steps={"type": "array", "items": {"type": "object", "properties": {
        "explanation": {"type": "string"}, "output": {"type": "string"}}, "required": ["explanation", "output"],
        "additionalProperties": False}}, final="string")
    yield tool("city lat lon", city="string", lat={"type": "number", "minimum": -90, "maximum": 90},
               lon={"type": "number", "minimum": -180, "maximum": 180})
    yield tool("method url", method={"enum": ["GET", "POST", "PUT", "DELETE"]}, url={"type": "string", "format": "uri"},
               headers={"type": "object", "additionalProperties": {"type": "string"}}, body=True)
    yield tool("items", items={"type": "array", "items": {"type": "object", "properties": {
        "sku": {"type": "string", "format": "uuid"}, "quantity": {"type": "integer", "minimum": 1, "maximum": 99},
        "price": {"type": "number", "minimum": 0}}, "required": ["sku", "quantity"], "additionalProperties": False},
        "minItems": 1, "maxItems": 20}, coupon={"type": "string", "minLength": 4, "maxLength": 16})
    yield tool("host", host={"type": "string", "format": "hostname"}, address={"anyOf": [{"type": "string", "format": "ipv4"}, {
        "type": "string", "format": "ipv6"}]}, port={"type": "integer", "minimum": 1, "maximum": 65535})
    yield {"type": "object", "properties": {"name": {"const": "get_time"}, "arguments": {"type": "object", "properties": {
        "zone": {"type": "string"}}, "required": ["zone"], "additionalProperties": False}}, "required": ["name", "arguments"],
        "additionalProperties": False}


def random_schema(rng, depth=0):
    kind = rng.choice(["string", "string", "integer", "number", "boolean", "enum", "null"] +
                      (["object", "object", "array", "array", "anyOf"] if depth < 3 else []))
    if kind == "string":
        return {"type": "string", **rng.choice([{}, {"maxLength": rng.randint(1, 40)}, {"minLength": rng.randint(1, 4)},
                                                {"pattern": rng.choice(list(PATTERNS))},
                                                {"format": rng.choice(list(FORMATS))}])}
    if kind in ("integer", "number"):
        low = rng.randint(-1000, 1000)
        return {"type": kind, **rng.choice([{}, {"minimum": low}, {"maximum": low},
                                            {"minimum": low, "maximum": low + rng.randint(1, 5000)}])}
    if kind == "enum":
        return {"enum": rng.sample(["a", "b", "c c", 1, 2, None, True, "\u00fc"], rng.randint(1, 4))}
    if kind == "array":
        low = rng.randint(0, 2)
        return {"type": "array", "items": random_schema(rng, depth + 1), "minItems": low,
                **({"maxItems": low + rng.randint(0, 3)} if rng.random() < 0.5 else {})}
    if kind == "anyOf":
        return {"anyOf": [random_schema(rng, depth + 1) for _ in range(rng.randint(2, 3))]}
    if kind == "object":
        names = rng.sample(["id", "name", "type", "value", "items", "note", "a b", "count"], rng.randint(1, 5))
        return {"type": "object", "properties": {n: random_schema(rng, depth + 1) for n in names},
                "required": rng.sample(names, rng.randint(0, len(names))),
                **rng.choice([{}, {"additionalProperties": False}, {"additionalProperties": False}])}
    return {"type": kind}


def main():
    rng = random.Random(SEED)
    schemas = list(made()) + list(tools()) + [random_schema(rng) for _ in range(120)]
    rows = []
    for schema in schemas:
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        accepts, rejects = [], []
        for _ in range(60):
            value = sample(schema, schema, rng)
            if validator.is_valid(value) and value not in accepts and len(accepts) < 6:
                accepts.append(value)
            bad = spoil(value, rng)
            if not validator.is_valid(bad) and bad not in rejects and len(rejects) < 6:
                rejects.append(bad)
        if isinstance(schema, dict) and schema.get("type") == "string":
            extra = PATTERNS.get(schema.get("pattern"), ([], []))[1] if "pattern" in schema else \
                NOT_FORMATS if "format" in schema else []
            rejects += [v for v in extra if not validator.is_valid(v)]
        rows.append({"schema": schema, "accepts": accepts, "rejects": rejects})
    sys.stdout.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


main()
