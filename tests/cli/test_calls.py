# SPDX-License-Identifier: Apache-2.0
"""Replies in their markup through the whole path. Raw replies of every format are forced by a literal grammar: what a
reply says, in JSON and streamed; receipts of such replies. Tools, choices of them, thinking and constraints together: a
model that writes at random keeps to all of them."""
import collections
import itertools
import json
import os
import re

import hob

MODEL = os.path.join(hob.MODELS, "tiny-llama-rope3.gguf")
REPLIES = os.path.join(hob.GOLDENS, "replies")
FORMATS = sorted(name[:-len(".json")] for name in os.listdir(REPLIES))
CTX = ("--ctx", "4096", "--threads", "1")
ASKED = [{"role": "user", "content": "go"}]


def write(name, data):
    path = os.path.join(hob.TEMP, name)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def literal(reply):
    """A GBNF grammar of this text alone."""
    return 'root ::= "%s"' % "".join(
        "\\" + c if c in '"\\' else {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c, c) for c in reply)


def template(signs, prompt, file="t.jinja"):
    """A template file that has a format's signs and whose prompt ends so."""
    quoted = json.dumps(prompt or "x", ensure_ascii=False)
    return write(file, ("{%% if false %%}{%% raw %%}%s tools{%% endraw %%}{%% endif %%}{{ %s }}"
                        % (signs, quoted)).encode())


def load(name):
    return json.load(open(os.path.join(REPLIES, name + ".json"), encoding="utf-8"))


def said(one):
    """What a case or a reply says, as one."""
    return one.get("text", ""), one.get("thinking", ""), one.get("calls", one.get("tool_calls", []))


def has_calls(name):
    return any(case.get("calls") for case in load(name)["cases"])


def batch(requests, *words):
    lines = "\n".join(json.dumps(one) for one in requests).encode()
    out, err = hob.run("batch", MODEL, "-", *CTX, *words, stdin=lines + b"\n", ok=None)[1:3]
    replies = [json.loads(line) for line in out.splitlines()]
    assert len(replies) == len(requests), err
    return replies


def check_format(name):
    """All cases at once, by the ends of their prompts; a few of them streamed."""
    file = load(name)
    groups = collections.defaultdict(list)
    for case in file["cases"]:
        groups[case.get("prompt", "")].append(case)
    for prompt, cases in groups.items():
        path = template(file["template"], prompt)
        requests = []
        for case in cases:
            tools = case.get("tools", file["tools"] if has_calls(name) and not case.get("no_calls") else [])
            requests.append({"messages": ASKED, "tools": tools or [], "max_tokens": 2000,
                             "constraint": {"grammar": literal(case["reply"]), "after": ""}})
        for case, reply in zip(cases, batch(requests, "--template", path)):
            where = "%s: %r: %s" % (name, case["reply"], json.dumps(reply)[:2000])
            assert "error" not in reply, where
            if case.get("tools", 1):
                assert said(reply) == said(case), where
            whole = any(not call.get("cut") for call in reply.get("tool_calls", []))
            assert reply["finish_reason"] == ("tool_calls" if whole else "stop"), where
        check_stream(name, file, path, cases)


def check_stream(name, file, path, cases):
    for case in [c for c in cases if c.get("grammar") == "whole" and c["reply"] and "tools" not in c
                 and (has_calls(name) or "calls" not in c)][-3 if not hob.LONG else 0:]:
        if case.get("prompt", "").strip().endswith(("<think>", "[THINK]", "THINKING|>")):
            continue  # a grammar starts behind the thoughts then
        text, _, calls = said(case)
        tools = ("--tools", write("tools.json", file["tools"])) if has_calls(name) else ()
        shown = hob.run("run", MODEL, *CTX, *tools, "--max-tokens", "2000", "--template", path, "--grammar",
                        write("g.gbnf", literal(case["reply"]).encode()), "go")[1].decode()
        for call in calls:
            at = shown.index(call["name"] + " {")
            arguments, size = json.JSONDecoder().raw_decode(shown[at + len(call["name"]) + 1:])
            assert arguments == call["arguments"], shown
            shown = shown[:at] + shown[at + len(call["name"]) + 1 + size:].lstrip("\n")
        assert re.sub(r"\s+", "", shown) == re.sub(r"\s+", "", text), (name, case["reply"], shown)


for each in FORMATS:
    globals()["test_" + each] = lambda name=each: check_format(name)


def forced(reply, *more):
    """A run of qualified words whose reply is this one, in Hermes' format."""
    file = load("hermes")
    return ("run", MODEL, *CTX, "--tools", write("tools.json", file["tools"]), "--template",
            template(file["template"], "x"), "--grammar", write("g.gbnf", literal(reply).encode()), *more, "go")


def test_cut():
    reply = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris, and much more"}}\n</tool_call>'
    n = len(hob.run_json(*forced(reply))["tokens"])
    cut = hob.run_json(*forced(reply, "--max-tokens", n - 24))
    assert cut["finish_reason"] == "length", cut
    call = cut["tool_calls"][0]
    assert call["name"] == "get_weather" and call["cut"] is True, cut
    assert '{"city": "Paris, and much more"}'.startswith(call["arguments"]), cut
    stopped = hob.run_json(*forced(reply, "--stop", "much"))
    assert stopped["stop"] == "much" and stopped["tool_calls"][0]["cut"] is True, stopped


def test_receipts():
    reply = '<think>\nHm.\n</think>\n\nSo.\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    made = hob.run_json(*forced(reply))
    assert said(made) == ("So.", "Hm.", [{"name": "now", "arguments": {}}]), made
    hob.run("replay", write("reply.json", made), "--model", MODEL)
    for member, value in (("thinking", "Hm"), ("tool_calls", [{"name": "other", "arguments": {}}])):
        hob.run("replay", write("reply.json", dict(made, **{member: value})), "--model", MODEL, ok=(8,))
    # Nothing but tools holds this one.
    made = hob.run_json("run", MODEL, *CTX, "--tools", write("tools.json", load("hermes")["tools"]), "--tool-choice",
                        "search", "--template", template("<tool_call> <think>", "x"), "-n", "200", "go")
    hob.run("replay", write("reply.json", made), "--model", MODEL)
    broken = json.loads(json.dumps(made))
    broken["receipt"]["markup"]["format"] = "nonsense"
    hob.run("replay", write("reply.json", broken), "--model", MODEL, ok=(2,))


SETS = [{"type": "function", "function": {"name": name, "parameters": {
    "type": "object", "required": ["mode", "level"], "additionalProperties": False, "properties": {
        "mode": {"enum": ["on", "off"]}, "level": {"type": "integer", "minimum": 1, "maximum": 9}}}}}
    for name in ("set", "reset")]


def check_call(call, names=("set", "reset")):
    assert call["name"] in names, call
    arguments = call["arguments"]
    assert set(arguments) == {"mode", "level"} and arguments["mode"] in ("on", "off"), call
    assert arguments["level"] in range(1, 10) and arguments["level"] is not True, call  # 8.0 is an integer


def test_choices():
    """In every format, whatever the model would like: calls where they must come, none where they may not."""
    for name in filter(has_calls, FORMATS):
        path = template(load(name)["template"], "<|start|>assistant" if name == "gpt-oss" else "x")
        ask = {"messages": ASKED, "tools": SETS, "max_tokens": 400, "temp": 1.5}
        requests = [dict(ask, tool_choice=choice, parallel_tool_calls=parallel, seed=seed)
                    for choice in ("auto", "none", "required", {"type": "function", "function": {"name": "reset"}})
                    for parallel in (True, False) for seed in range(6 if hob.LONG else 2)]
        for request, reply in zip(requests, batch(requests, "--template", path)):
            where = "%s: %s: %s" % (name, request["tool_choice"], json.dumps(reply)[:1000])
            assert "error" not in reply, where
            calls, choice = reply.get("tool_calls", []), request["tool_choice"]
            for call in calls:
                if not call.get("cut"):
                    check_call(call, ("reset",) if isinstance(choice, dict) else ("set", "reset"))
            if choice == "none":
                assert not calls, where
            if choice not in ("auto", "none"):
                assert reply["text"].strip() == "" or reply["finish_reason"] == "length", where
                assert calls or reply["finish_reason"] == "length", where
            if isinstance(choice, dict) or not request["parallel_tool_calls"]:
                assert len(calls) <= 1, where
            assert reply["finish_reason"] in ("tool_calls", "stop", "length"), where


def test_answers():
    """A constraint is on the answer: behind the thinking part, in place of calls."""
    answer = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"],
              "additionalProperties": False}
    prompts = {"hermes": "x<think>\n", "gpt-oss": "<|start|>assistant", "mistral": "x[THINK]", "magistral": "x",
               "command-a": "x", "gemma4": "x", "think": "x<think>", "glm": "x</think>", "deepseek-v3.1": "x<think>",
               "plain": "x", "phi4-mini": "x"}
    for name, prompt in prompts.items():
        path = template(load(name)["template"], prompt)
        ways = [{"format": answer}, {"format": "json"}, {"regex": "[0-9]{4}"}, {"choice": ["yes", "no"]}]
        asks = [dict(way, messages=ASKED, max_tokens=300, temp=1.2, seed=seed,
                     logit_bias=["%d=6" % ord(c) for c in "</"], **more)
                for way in ways for more in ({}, {"tools": SETS}) for seed in range(2)
                if not (more and not has_calls(name))]
        for ask, reply in zip(asks, batch(asks, "--template", path)):
            where = "%s: %s: %s" % (name, ask, json.dumps(reply)[:1000])
            assert "error" not in reply, where
            if reply["finish_reason"] == "length":
                continue
            for call in reply.get("tool_calls", []):
                check_call(call)
            if not reply.get("tool_calls"):
                text = reply["text"]
                if "format" in ask:
                    value = json.loads(text)
                    assert isinstance(value, dict) and (ask["format"] == "json" or type(value["ok"]) is bool), where
                else:
                    assert re.fullmatch(ask.get("regex", "yes|no"), text), where
    # What looks the same is refused.
    refused = batch([{"messages": ASKED, "tools": SETS, "format": answer}], "--template",
                    template(load("llama3")["template"], "x"))[0]
    assert "look the same" in refused["error"]["message"], refused
    # A trigger of one's own.
    after = hob.run_json("run", MODEL, *CTX, "--template", template("plain", "x"), "-n", "300", "--grammar", write(
        "g.gbnf", b'root ::= [a-z ]{5} "ANSWER: " [0-9]{3}'), "go")["text"]
    assert re.fullmatch("[a-z ]{5}ANSWER: [0-9]{3}", after), after
    reply = batch([{"messages": ASKED, "max_tokens": 500, "temp": 2,
                    "constraint": {"regex": "[0-9]{3}", "after": "e"}}], "--template", template("plain", "x"))[0]
    assert reply["finish_reason"] == "length" or re.fullmatch("[^e]*e[0-9]{3}", reply["text"], re.S), reply


def test_think():
    """What --think asks of a template is done or refused."""
    qwen = os.path.join(hob.GOLDENS, "templates", "published", "Qwen-Qwen3-0.6B.jinja")
    oss = os.path.join(hob.GOLDENS, "templates", "published", "openai-gpt-oss-120b.jinja")
    always = template("</think>", "x<think>\n", "always.jinja")
    never = template("<think> </think>", "x<think></think>", "never.jinja")
    cases = [(qwen, "on", 0), (qwen, "off", 0), (qwen, "high", 2), (oss, "low", 0), (oss, "banana", 2), (oss, "on", 0),
             (oss, "off", 0), (always, "on", 0), (always, "off", 2), (never, "off", 0), (never, "on", 2),
             (write("p.jinja", b"x"), "off", 0), (write("p.jinja", b"x"), "on", 2)]
    for path, think, code in cases:
        words = ("run", MODEL, *CTX, "--template", path, "--think=" + think, "--json", "-n", "40", "go")
        out = hob.run(*words, ok=(code,))[1]
        if code == 0 and think == "off":
            assert "thinking" not in json.loads(out), out
    # Thoughts of a turn that goes on reach the template.
    messages = ASKED + [{"role": "assistant", "content": "", "thinking": "Deep thought.", "tool_calls": [
        {"type": "function", "function": {"name": "set", "arguments": {}}}]}, {"role": "tool", "content": "done"}]
    for path in (qwen, oss):
        assert b"Deep thought." in hob.run("render", "--template", path, "--messages", write("m.json", messages))[1]


def test_refusals():
    hermes = template("<tool_call>", "x")
    nest = {"type": "object", "properties": {"a": {"not": {}}}}
    cases = [({"tools": 5}, "tools"), ({"tools": [{}]}, "name"), ({"tools": [{"name": "a b"}]}, "no name"),
             ({"tools": [{"name": "f", "parameters": nest}]}, "tools: f: schema"),
             ({"tool_choice": "required"}, "no tools"), ({"tools": SETS, "tool_choice": "some"}, "tool_choice"),
             ({"tools": SETS, "tool_choice": {"name": "unknown"}}, "unknown"),
             ({"tools": SETS, "parallel_tool_calls": 1}, "parallel_tool_calls"), ({"think": 7}, "think"),
             ({"tools": SETS, "tool_choice": "none", "grammar": "x", "constraint": {"grammar": 'root ::= "a"'}}, ""),
             ({"markup": {}}, "markup")]
    for more, says in cases:
        reply = batch([dict(more, messages=ASKED)], "--template", hermes)[0]
        assert says in reply["error"]["message"], (more, reply)
    for member in ("tools", "think", "system", "tool_choice"):
        reply = batch([{"prompt": "x", member: []}])[0]
        assert "goes with messages" in reply["error"]["message"], reply
    plain = batch([{"messages": ASKED, "tools": SETS}], "--template", template("nothing", "x"))[0]
    assert "have no tool calls" in plain["error"]["message"], plain


def test_defaults():
    """Options of a batch are the defaults of its requests."""
    lines = [{"messages": ASKED, "max_tokens": 200}, {"messages": ASKED, "max_tokens": 200, "tool_choice": "none"},
             {"prompt": "x", "max_tokens": 3}]
    replies = batch(lines, "--template", template("<tool_call>", "x"), "--tools", write("tools.json", SETS),
                    "--tool-choice", "reset")
    check_call(replies[0]["tool_calls"][0], ("reset",))
    assert "tool_calls" not in replies[1] and "error" not in replies[2], replies


if __name__ == "__main__":
    hob.main([(name[5:].replace("_", " "), function) for name, function in sorted(globals().items())
              if name.startswith("test_")])
