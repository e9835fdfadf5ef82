#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every reply format through every dialect, streamed and whole: replies are forced by a literal grammar, and each
dialect must say what the goldens say."""
import collections
import concurrent.futures
import json
import os

import serve
from serve import hob

REPLIES = os.path.join(hob.GOLDENS, "replies")
FORMATS = sorted(name[:-len(".json")] for name in os.listdir(REPLIES))
ASKED = [{"role": "user", "content": "go"}]
S = None


def literal(reply):
    return 'root ::= "%s"' % "".join(
        "\\" + c if c in '"\\' else {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c, c) for c in reply)


def calls(pairs):
    return [(name, json.loads(text) if isinstance(text, str) and text else text or {}) for name, text in pairs]


def openai_chat(name, request, tools, stream):
    body = dict(request, model=name, messages=ASKED, tools=tools, max_tokens=2000, stream=stream)
    if not stream:
        choice = S.post("/v1/chat/completions", body)["choices"][0]
        message = choice["message"]
        return (message["content"] or "", message.get("reasoning_content", ""),
                calls((c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls", [])),
                choice["finish_reason"])
    text, thinking, made, reason = "", "", {}, None
    for part in S.stream("/v1/chat/completions", body):
        delta = part["choices"][0]["delta"]
        text += delta.get("content") or ""
        thinking += delta.get("reasoning_content", "")
        for call in delta.get("tool_calls", []):
            one = made.setdefault(call["index"], ["", ""])
            one[0] += call["function"].get("name", "")
            one[1] += call["function"]["arguments"]
        reason = part["choices"][0]["finish_reason"] or reason
    return text, thinking, calls(made[i] for i in sorted(made)), reason


def ollama_chat(name, request, tools, stream):
    body = dict(request, model=name, messages=ASKED, tools=tools, options={"num_predict": 2000}, stream=stream)
    lines = S.stream("/api/chat", body) if stream else [S.post("/api/chat", body)]
    made = [c["function"] for line in lines for c in line["message"].get("tool_calls", [])]
    reason = lines[-1]["done_reason"]
    return ("".join(line["message"]["content"] for line in lines),
            "".join(line["message"].get("thinking", "") for line in lines),
            [(c["name"], c["arguments"]) for c in made], "tool_calls" if made and reason == "stop" else reason)


def anthropic(name, request, tools, stream):
    reasons = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls", "stop_sequence": "stop"}
    body = dict(request, model=name, messages=ASKED, max_tokens=2000, stream=stream,
                tools=[{"name": t["function"]["name"], "input_schema": t["function"].get("parameters", {})} for t in tools])
    if stream:
        blocks, reason = {}, None
        for event in S.stream("/v1/messages", body):
            if event["type"] == "content_block_start":
                assert event["index"] == len(blocks)
                blocks[event["index"]] = dict(event["content_block"], json="")
            elif event["type"] == "content_block_delta":
                block, delta = blocks[event["index"]], event["delta"]
                block["text"] = block.get("text", "") + delta.get("text", "")
                block["thinking"] = block.get("thinking", "") + delta.get("thinking", "")
                block["json"] += delta.get("partial_json", "")
            elif event["type"] == "message_delta":
                reason = event["delta"]["stop_reason"]
        content = [dict(b, input=json.loads(b["json"] or "{}")) for b in blocks.values()]
    else:
        message = S.post("/v1/messages", body)
        content, reason = message["content"], message["stop_reason"]
    return ("".join(b.get("text", "") for b in content if b["type"] == "text"),
            "".join(b.get("thinking", "") for b in content if b["type"] == "thinking"),
            [(b["name"], b["input"]) for b in content if b["type"] == "tool_use"], reasons[reason])


def responses(name, request, tools, stream):
    body = dict(request, model=name, input="go", max_output_tokens=2000, stream=stream,
                tools=[dict(t["function"], type="function") for t in tools])
    whole = S.stream("/v1/responses", body)[-1]["response"] if stream else S.post("/v1/responses", body)
    items = whole["output"]
    text = "".join(p["text"] for i in items if i["type"] == "message" for p in i["content"])
    thinking = "".join(p["text"] for i in items if i["type"] == "reasoning" for p in i["summary"])
    made = calls((i["name"], i["arguments"]) for i in items if i["type"] == "function_call")
    return text, thinking, made, "tool_calls" if made and whole["status"] == "completed" else \
        {"completed": "stop", "incomplete": "length"}[whole["status"]]


DIALECTS = (openai_chat, ollama_chat, anthropic, responses)


def check(name):
    with open(os.path.join(REPLIES, name + ".json"), encoding="utf-8") as file:
        data = json.load(file)
    groups = collections.defaultdict(list)
    for case in data["cases"]:
        groups[case.get("prompt", "")].append(case)
    jobs = []
    for number, (prompt, cases) in enumerate(groups.items()):
        model = "%s-%d" % (name, number)
        template = "{%% if false %%}{%% raw %%}%s tools{%% endraw %%}{%% endif %%}{{ %s }}" % (
            data["template"], json.dumps(prompt or "x", ensure_ascii=False))
        S.create(model, 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, template))
        for case in cases:
            if any(call.get("cut") for call in case.get("calls", [])):
                continue  # a part of a call is told in each dialect's own way
            has = any(one.get("calls") for one in data["cases"]) and not case.get("no_calls")
            tools = case.get("tools", data["tools"] if has else [])
            if case.get("tools", 1):
                jobs.append((model, case, tools or []))

    def run(job):
        model, case, tools = job
        request = {"constraint": {"grammar": literal(case["reply"]), "after": ""}, "seed": 1}
        want = (case.get("text", ""), case.get("thinking", ""),
                [(c["name"], c["arguments"]) for c in case.get("calls", [])],
                "tool_calls" if case.get("calls") else "stop")
        for dialect in DIALECTS:
            for stream in (False, True):
                asked = dict(request)
                if dialect is anthropic:
                    del asked["seed"]
                elif dialect is ollama_chat:
                    del asked["seed"]
                got = dialect(model, asked, tools, stream)
                assert got == want, (dialect.__name__, stream, case["reply"], got, want)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(run, jobs if hob.LONG else jobs[:24]))
    assert jobs


ARGUMENTS = {"type": "object", "properties": {"where": {"type": "string", "minLength": 8, "maxLength": 24},
                                              "deep": {"type": "boolean"}},
             "required": ["where", "deep"], "additionalProperties": False}


def pieces(path, body):
    """(name, arguments) of the call that streams, and the pieces in which its arguments came; no text beside it."""
    name, parts = None, []
    for event in S.stream(path, dict(body, stream=True)):
        if "choices" in event:
            delta = event["choices"][0]["delta"] if event["choices"] else {}
            assert not delta.get("content"), event
            for call in delta.get("tool_calls", []):
                name = call["function"].get("name", name)
                parts += [call["function"]["arguments"]]
        elif event["type"] == "response.output_item.added":
            name = event["item"]["name"]
        elif event["type"] == "response.function_call_arguments.delta":
            parts += [event["delta"]]
        elif event["type"] == "response.function_call_arguments.done":
            assert event["arguments"] == "".join(parts) and event["name"] == name, event
        elif event["type"] == "content_block_start":
            name = event["content_block"]["name"]
        elif event["type"] == "content_block_delta":
            parts += [event["delta"]["partial_json"]]
        assert "error" not in event or not event["error"], event
    parts = [part for part in parts if part]
    return name, json.loads("".join(parts)), parts


def streams(name):
    """Arguments come as they are written, where the grammar holds the call, and say the same as the whole reply."""
    with open(os.path.join(REPLIES, name + ".json"), encoding="utf-8") as file:
        data = json.load(file)
    if not any(case.get("calls") for case in data["cases"]):
        return
    tool = {"name": "look", "description": "Looks.", "parameters": ARGUMENTS}
    template = "{%% if false %%}{%% raw %%}%s tools{%% endraw %%}{%% endif %%}%s" % (
        data["template"], {"gpt-oss": "<|start|>assistant", "gemma4": "<|turn>model\n"}.get(name, "x"))
    S.create("streams-" + name, 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, template))
    shared = {"model": "streams-" + name, "constraint": None}
    several = 0
    for path, body in (
            ("/v1/chat/completions", {"messages": ASKED, "max_tokens": 900, "seed": 4, "reasoning_effort": "none", "tool_choice": "required",
                                      "parallel_tool_calls": False, "tools": [{"type": "function", "function": tool}]}),
            ("/v1/responses", {"input": "go", "max_output_tokens": 900, "seed": 4, "reasoning": {"effort": "none"}, "tool_choice": "required",
                               "parallel_tool_calls": False, "tools": [dict(tool, type="function")]}),
            ("/v1/messages", {"messages": ASKED, "max_tokens": 900, "temperature": 0, "thinking": {"type": "disabled"},
                              "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
                              "tools": [{"name": "look", "input_schema": ARGUMENTS}]})):
        whole = S.post(path, dict(shared, **body))
        if path == "/v1/messages":
            made = [(b["name"], b["input"]) for b in whole["content"] if b["type"] == "tool_use"]
        elif path == "/v1/responses":
            made = calls((i["name"], i["arguments"]) for i in whole["output"] if i["type"] == "function_call")
        else:
            made = calls((c["function"]["name"], c["function"]["arguments"])
                         for c in whole["choices"][0]["message"]["tool_calls"])
        streamed, arguments, parts = pieces(path, dict(shared, **body))
        assert [(streamed, arguments)] == made, (path, made, streamed, arguments)
        assert set(arguments) == {"where", "deep"} and 8 <= len(arguments["where"]) <= 24, arguments
        several += len(parts) > 2
    assert several, name


def main():
    global S
    with serve.Server("--ctx", "4096", "--parallel", "8") as S:
        hob.main([(name, lambda name=name: check(name)) for name in FORMATS] +
                 [("streams " + name, lambda name=name: streams(name)) for name in FORMATS])


if __name__ == "__main__":
    main()
