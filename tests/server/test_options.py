#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the publishers' documents say of a field, on the wire: infill, several replies and prompts, log probabilities,
biases, stop texts, echo, counts, thinking, schemas, context, receipts."""
import json
import os

import serve
from serve import hob

S = None
ASKED = [{"role": "user", "content": "Hi"}]
CHAT = "/v1/chat/completions"


def chat(**more):
    return S.post(CHAT, dict({"model": "chat", "messages": ASKED, "seed": 3, "max_tokens": 6}, **more))


def complete(**more):
    return S.post("/v1/completions", dict({"model": "chat", "seed": 2, "max_tokens": 5}, **more))


def test_prompts_and_echo():
    one, two = complete(prompt="Once"), complete(prompt="Hi there")
    ids = hob.run_json("tokenize", serve.TINY, "Once")
    both = complete(prompt=["Once", "Hi there"], n=2)
    assert [c["index"] for c in both["choices"]] == [0, 1, 2, 3]
    assert both["choices"][0]["text"] == one["choices"][0]["text"] and both["choices"][2]["text"] == two["choices"][0]["text"]
    assert both["choices"][1]["text"] != one["choices"][0]["text"]
    assert both["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"] + two["usage"]["prompt_tokens"]
    assert complete(prompt=[ids, ids])["choices"][1]["text"] == one["choices"][0]["text"]
    echoed = complete(prompt="Once", echo=True)["choices"][0]["text"]
    assert echoed == "Once" + one["choices"][0]["text"]
    parts = S.stream("/v1/completions", {"model": "chat", "prompt": "Once", "seed": 2, "max_tokens": 5, "echo": True,
                                         "stream": True})
    assert "".join(p["choices"][0]["text"] for p in parts) == echoed and parts[0]["choices"][0]["text"] == "Once"
    for bad in ([], [1, "a"], [["a"]], ["a", 1], {"a": 1}, 5):
        assert S.ask("POST", "/v1/completions", {"model": "chat", "prompt": bad})[0] == 400, bad
    status, _, answer = S.ask("POST", "/v1/completions", {"model": "chat", "prompt": ["a"] * 65})
    assert status == 400 and "65" in json.dumps(answer), answer


def test_logprobs():
    plain = complete(prompt="Once", logprobs=2)["choices"][0]
    entries = plain["logprobs"]
    assert len(entries["tokens"]) == len(entries["token_logprobs"]) == len(entries["top_logprobs"]) == 5
    assert all(len(top) <= 2 and all(v <= 0 for v in top.values()) for top in entries["top_logprobs"])
    lines = S.post("/api/generate", {"model": "chat", "prompt": "Hi", "stream": False, "logprobs": True,
                                     "top_logprobs": 3, "options": {"seed": 3, "num_predict": 6}})["logprobs"]
    chat_ = chat(logprobs=True, top_logprobs=3)["choices"][0]["logprobs"]["content"]
    assert lines == chat_ and {"token", "logprob", "bytes", "top_logprobs"} == set(lines[0])
    parts = S.stream(CHAT, {"model": "chat", "messages": ASKED, "seed": 3, "max_tokens": 6, "logprobs": True,
                            "top_logprobs": 3, "stream": True})
    assert [e for p in parts for e in (p["choices"][0]["logprobs"] or {"content": []})["content"]] == chat_
    said = S.post("/v1/responses", {"model": "chat", "input": "Hi", "seed": 3, "max_output_tokens": 6, "top_logprobs": 3,
                                    "include": ["message.output_text.logprobs"]})["output"][0]["content"][0]
    assert said["logprobs"] == chat_
    events = S.stream("/v1/responses", {"model": "chat", "input": "Hi", "seed": 3, "max_output_tokens": 6, "top_logprobs": 3,
                                        "stream": True})
    assert [e for v in events if v["type"] == "response.output_text.delta" for e in v["logprobs"]] == chat_
    assert [v for v in events if v["type"] == "response.output_text.done"][0]["logprobs"] == chat_


def test_biases_stops_and_counts():
    first = chat(temperature=0)["choices"][0]["message"]["content"]
    token = S.post("/tokenize", {"model": "chat", "content": "e"})["tokens"][0]
    assert set(chat(logit_bias={str(token): 100}, max_tokens=4)["choices"][0]["message"]["content"]) == {"e"}
    text = chat(max_tokens=40)["choices"][0]["message"]["content"]
    stop = text[len(text) // 2:len(text) // 2 + 2]
    for way in (stop, [stop, "never there"]):
        cut = chat(max_tokens=40, stop=way)["choices"][0]
        assert cut["message"]["content"] == text[:text.index(stop)] and cut["finish_reason"] == "stop", (text, stop, cut)
    named = S.post("/v1/messages", {"model": "chat", "messages": ASKED, "max_tokens": 40, "temperature": 0,
                                    "stop_sequences": ["never there", first[1]]})
    assert named["stop_reason"] == "stop_sequence" and named["stop_sequence"] == first[1], (named, first)
    for name in ("max_tokens", "max_completion_tokens", "n_predict"):
        body = {"model": "chat", "messages": ASKED, name: 3, "ignore_eos": True}
        assert S.post(CHAT, body)["usage"]["completion_tokens"] == 3, name
    parts = S.stream(CHAT, {"model": "chat", "messages": ASKED, "max_tokens": 3, "stream": True, "n": 2,
                            "stream_options": {"include_usage": True}})
    assert all(p["usage"] is None for p in parts[:-1]) and parts[-1]["usage"]["total_tokens"] > 0
    assert {p["choices"][0]["index"] for p in parts[:-1]} == {0, 1}


def test_thinking():
    think = {"model": "thinks", "messages": ASKED, "max_tokens": 300, "temperature": 0.1}
    reply = S.post(CHAT, dict(think, reasoning_effort="high"))
    assert reply["choices"][0]["message"]["reasoning_content"]
    assert 0 < reply["usage"]["completion_tokens_details"]["reasoning_tokens"] <= 300
    assert "reasoning_content" not in S.post(CHAT, dict(think, reasoning_effort="none"))["choices"][0]["message"]
    status, headers, _ = S.ask("POST", CHAT, dict(think, reasoning_effort="high", max_tokens=2))
    assert status == 200 and headers["X-Hob-Ignored"] == "reasoning_effort"  # thinking without levels: on
    for level in (True, "true", "low", "medium", "high", "max"):
        body = {"model": "thinks", "messages": ASKED, "think": level, "stream": False, "options": {"num_predict": 9}}
        assert S.post("/api/chat", body)["message"]["thinking"], level
        status, _, answer = S.ask("POST", "/api/chat", dict(body, model="chat"))
        assert status == 400 and answer == {"error": '"chat" does not support thinking'}, (level, answer)
    assert S.post("/api/chat", {"model": "chat", "messages": ASKED, "think": False, "stream": False,
                                "options": {"num_predict": 2}})["done"]
    assert S.ask("POST", "/api/chat", {"model": "thinks", "messages": ASKED, "think": "a lot"})[0] == 400
    ways = {"messages": ASKED}, {"prompt": "Hi"}, {"prompt": "Hi", "context": [5, 6]}
    for body in ways:  # unset is on, for a model that can
        path = "/api/chat" if "messages" in body else "/api/generate"
        body = dict(body, model="thinks", stream=False, options={"num_predict": 9, "seed": 3})
        said = {think: S.post(path, dict(body, think=think)) for think in (True, None, False)}
        said = {think: answer.get("message", answer) for think, answer in said.items()}
        assert said[True]["thinking"] == said[None]["thinking"] and "thinking" not in said[False], (path, said)
        status, headers, _ = S.ask("POST", path, dict(body, model="chat"))
        assert status == 200 and not headers["X-Hob-Ignored"], path
    for more in ({"raw": True}, {"raw": True, "think": False}):
        status, headers, _ = S.ask("POST", "/api/generate", {"model": "thinks", "prompt": "a", "options": {"num_predict": 2}, **more})
        assert status == 200 and (headers["X-Hob-Ignored"] == "think") == ("think" in more)
    for path, body, name in ((CHAT, {"reasoning_effort": "high"}, "reasoning_effort"),
                             ("/v1/messages", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking"),
                             ("/v1/messages", {"output_config": {"effort": "low"}}, "output_config"),
                             ("/v1/responses", {"reasoning": {"effort": "low"}}, "reasoning")):
        asked = {"input": "Hi"} if path == "/v1/responses" else {"messages": ASKED, "max_tokens": 2}
        status, headers, answer = S.ask("POST", path, dict(body, model="chat", **asked))
        assert status == 200 and name in headers["X-Hob-Ignored"].split(", "), (path, answer, headers["X-Hob-Ignored"])


def test_formats():
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False}
    named = {"name": "x", "schema": schema, "strict": True, "description": "y"}
    texts = [
        chat(max_tokens=60, response_format={"type": "json_schema", "json_schema": named})["choices"][0]["message"]["content"],
        chat(max_tokens=60, structured_outputs={"json": json.dumps(schema)})["choices"][0]["message"]["content"],
        chat(max_tokens=60, json_schema=schema)["choices"][0]["message"]["content"],
        complete(prompt="x", max_tokens=60, response_format={"type": "json_object", "schema": schema})["choices"][0]["text"],
        S.post("/v1/responses", {"model": "chat", "input": "Hi", "text": {"format": dict(named, type="json_schema")}})
        ["output"][0]["content"][0]["text"],
        S.post("/v1/messages", {"model": "chat", "messages": ASKED, "max_tokens": 60, "output_config": {
            "format": {"type": "json_schema", "schema": schema}}})["content"][0]["text"],
        S.post("/api/chat", {"model": "chat", "messages": ASKED, "format": schema, "stream": False})["message"]["content"],
        "".join(line["response"] for line in S.stream("/api/generate", {"model": "chat", "prompt": "Hi", "format": schema})),
    ]
    assert all(set(json.loads(text)) == {"a"} for text in texts), texts
    assert chat(grammar='root ::= "yes"')["choices"][0]["message"]["content"] == "yes"
    assert chat(structured_outputs={"choice": ["no"]})["choices"][0]["message"]["content"] == "no"
    assert S.ask("POST", CHAT, {"model": "chat", "messages": ASKED, "grammar": 'root ::= "a"', "json_schema": schema})[0] == 400


def test_receipts():
    """Each dialect's receipt makes its reply again."""
    for path, body in ((CHAT, {"messages": ASKED, "max_tokens": 4}), ("/v1/completions", {"prompt": "Hi", "max_tokens": 4}),
                       ("/v1/responses", {"input": "Hi", "max_output_tokens": 4}),
                       ("/v1/messages", {"messages": ASKED, "max_tokens": 4}),
                       ("/api/chat", {"messages": ASKED, "options": {"num_predict": 4}}),
                       ("/api/generate", {"prompt": "Hi", "options": {"num_predict": 4}})):
        asked = dict(body, model="chat", receipt=True)
        streamed = S.stream(path, dict(asked, stream=True))
        streamed = next(e for e in reversed(streamed) if "receipt" in json.dumps(e))
        for answer in (S.post(path, dict(asked, stream=False)), streamed.get("response") or streamed
                       if isinstance(streamed.get("response"), dict) else streamed):
            name = os.path.join(hob.TEMP, "receipt.json")
            with open(name, "w", encoding="utf-8") as file:
                json.dump(answer["receipt"], file)
            S.hob("replay", name)


def test_tools_of_agents():
    """A schema of a tool that cannot be honoured whole is held to its types and names, and the tool is named."""
    odd = {"uniqueItems": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
           "propertyNames": {"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {"type": "string"}},
           "nullable": {"type": "string", "nullable": True}, "format": {"type": "string", "format": "my-own"},
           "not": {"not": {"type": "string"}}, "pattern": {"type": "string", "pattern": "^(?!a)"},
           "if": {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}}, "x-own": {"x-own": 1},
           "ref": {"$ref": "#/none"}}
    fine = {"type": "function", "function": {"name": "fine", "parameters": {"type": "object", "properties": {
        "deep": {"type": "boolean"}}, "required": ["deep"], "additionalProperties": False}}}
    for word, schema in odd.items():
        tool = {"type": "function", "function": {"name": "odd", "parameters": {
            "type": "object", "properties": {"a": schema, "b": {"type": "boolean"}}, "required": ["b"]}}}
        body = {"model": "chat", "messages": ASKED, "tools": [fine, tool], "max_tokens": 2}
        status, headers, answer = S.ask("POST", CHAT, body)
        assert status == 200 and headers["X-Hob-Ignored"] == "tools.odd", (word, answer, headers["X-Hob-Ignored"])
        tool["function"]["strict"] = True
        refused(CHAT, body, "tools: odd")
    tool["function"].pop("strict")
    for seed in range(4):
        call = S.post(CHAT, dict(body, seed=seed, max_tokens=900, tool_choice="required", parallel_tool_calls=False))[
            "choices"][0]
        for one in call["message"].get("tool_calls", []) if call["finish_reason"] == "tool_calls" else []:
            arguments = json.loads(one["function"]["arguments"])
            assert isinstance(arguments["deep" if one["function"]["name"] == "fine" else "b"], bool), one
    assert "x-own" in S.post("/render", dict(body, tools=[dict(tool, function=dict(tool["function"], parameters={
        "type": "object", "x-own": 1}))], max_tokens=None))["prompt"]


def test_references_in_tools():
    """What $ref names within a tool's schema holds, strict or not."""
    schema = {"type": "object", "properties": {"place": {"$ref": "#/$defs/Place"}}, "required": ["place"],
              "additionalProperties": False, "$defs": {
                  "Place": {"type": "object", "properties": {"deep": {"$ref": "#/$defs/Deep"}}, "required": ["deep"],
                            "additionalProperties": False}, "Deep": {"enum": ["a", "b"]}}}
    older = json.loads(json.dumps(schema).replace("$defs", "definitions"))
    recursive = {"type": "object", "properties": {"place": {"$ref": "#"}, "deep": {"enum": ["a"]}}, "required": ["deep"],
                 "additionalProperties": False}
    for parameters in (schema, older, recursive):
        for path, tool, more in (
                (CHAT, {"type": "function", "function": {"name": "f", "parameters": parameters}}, {"messages": ASKED}),
                (CHAT, {"type": "function", "function": {"name": "f", "parameters": parameters, "strict": True}}, {"messages": ASKED}),
                ("/v1/responses", {"type": "function", "name": "f", "parameters": parameters}, {"input": "Hi"}),
                ("/v1/messages", {"name": "f", "input_schema": parameters}, {"messages": ASKED})):
            choice = {"type": "any", "disable_parallel_tool_use": True} if path == "/v1/messages" else "required"
            status, headers, answer = S.ask("POST", path, dict(
                more, model="chat", tools=[tool], tool_choice=choice,
                **{"max_output_tokens" if path == "/v1/responses" else "max_tokens": 900},
                **({} if path == "/v1/messages" else {"seed": 2, "parallel_tool_calls": False})))
            assert status == 200 and not headers["X-Hob-Ignored"], (path, answer, headers["X-Hob-Ignored"])
            if path == CHAT:
                call = json.loads(answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])
            elif path == "/v1/responses":
                call = json.loads(next(i for i in answer["output"] if i["type"] == "function_call")["arguments"])
            else:
                call = next(b for b in answer["content"] if b["type"] == "tool_use")["input"]
            assert (call.get("place") or call)["deep"] in ("a", "b"), call


def refused(path, body, *words, status=400):
    got, _, answer = S.ask("POST", path, dict(body, model="chat"))
    text = json.dumps(answer)
    assert got == status and all(word in text for word in words), (path, str(body)[:300], got, text)


def test_hostile_requests():
    """What a request may be made of to do harm: refused, soon, by the name of what is wrong."""
    deep = {"type": "object"}
    for _ in range(40):
        deep = {"properties": {"a": deep}}
    for schema, words in (({"$ref": "#"}, []), ({"$ref": "https://example.com/a"}, []), ({"pattern": "^+x$"}, []),
                          ({"type": "string", "pattern": "(?=a)(b"}, []), ({"enum": []}, [])):
        refused(CHAT, {"messages": ASKED, "response_format": {"type": "json_schema", "json_schema": {
            "name": "x", "schema": schema}}}, *words)
        refused("/api/chat", {"messages": ASKED, "format": schema, "stream": False}, *words)
        refused("/v1/messages", {"messages": ASKED, "max_tokens": 2, "output_config": {
            "format": {"type": "json_schema", "schema": schema}}}, *words)
    refused(CHAT, {"messages": ASKED, "json_schema": {"properties": {"a": deep}}}, "deeper")
    refused(CHAT, {"messages": ASKED, "json_schema": {"enum": list(range(10 ** 5))}}, "values")
    refused(CHAT, {"messages": ASKED * 60000}, "values")
    refused(CHAT, {"messages": ASKED, "stop": ["x"] * 10 ** 5}, "values")
    picture = "data:image/png;base64,iVBORw0KGgo="
    for url in (picture, "http://169.254.169.254/x", "file:///etc/passwd"):
        refused(CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]},
                "messages[0].content[0]")
        refused("/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]},
                "input[0]")
    refused("/v1/messages", {"max_tokens": 2, "messages": [{"role": "user", "content": [{"type": "image", "source": {
        "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]}]}, "messages[0].content[0]")
    refused("/api/chat", {"messages": [{"role": "user", "content": "a", "images": ["iVBORw0KGgo="]}]}, "messages[0].images")
    refused("/api/generate", {"prompt": "a", "images": ["iVBORw0KGgo="]}, "images")
    for message, words in (({"role": "tool", "content": "a", "tool_call_id": "x"}, ["messages[0]"]),
                           ({"role": "robot", "content": "a"}, ["messages[0].role"]), ("Hi", ["messages[0]"]),
                           ({"role": "user", "content": 5}, ["messages[0].content"]),
                           ({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[1]"}}]},
                            ["messages[0].tool_calls[0]"])):
        refused(CHAT, {"messages": [message]}, *words)
    refused("/v1/messages", {"max_tokens": 2, "messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "x", "content": "a"}]}]}, "messages[0].content[0]")
    for name, value in (("temperature", -1), ("top_p", 2), ("top_k", -5)):
        refused("/v1/messages", {"messages": ASKED, "max_tokens": 2, name: value}, name)
        refused("/api/chat", {"messages": ASKED, "options": {name: value}}, name)
    for tools in ([{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"$ref": "#/none"}}}],
                  [{"type": "function", "function": {"name": "a b"}}], [{"type": "function", "function": {"name": "f" * 300}}]):
        refused(CHAT, {"messages": ASKED, "tools": tools}, "tools")


def test_infill():
    """The ids of a prompt that is filled in are those of the model's own template."""
    if not hob.real_model("qwen2.5-coder-0.5b"):
        raise hob.Skip("tools/models qwen2.5-coder-0.5b has not fetched it")
    S.hob("add", hob.real_model("qwen2.5-coder-0.5b"), "--name", "coder")
    assert ".Suffix" in S.post("/api/show", {"model": "coder"})["template"]
    assert "insert" in S.post("/api/show", {"model": "coder"})["capabilities"]
    before, after = "def add(a, b):\n    return ", "\n\n# <|fim_middle|> is text\n"
    ids = [151659, *S.post("/tokenize", {"model": "coder", "content": before})["tokens"],
           151661, *S.post("/tokenize", {"model": "coder", "content": after})["tokens"], 151660]
    made = S.post("/api/generate", {"model": "coder", "prompt": before, "suffix": after, "stream": False,
                                    "options": {"temperature": 0, "num_predict": 4}})
    assert made["context"][:len(ids)] == ids and made["prompt_eval_count"] == len(ids), made["context"]
    plain = S.post("/v1/completions", {"model": "coder", "prompt": ids, "temperature": 0, "max_tokens": 4})
    filled = S.post("/v1/completions", {"model": "coder", "prompt": before, "suffix": after, "temperature": 0, "max_tokens": 4})
    assert filled["choices"][0]["text"] == plain["choices"][0]["text"] == made["response"], (plain, filled, made)


def test_show_for_editors():
    """Continue reads the parameters line by line, and at an empty one it stops."""
    S.create("set", 'FROM %s\nPARAMETER stop "a b"\nPARAMETER num_ctx 512\nPARAMETER temperature 0.5\n' % serve.TINY)
    lines = S.post("/api/show", {"name": "set"})["parameters"].split("\n")
    assert sorted(line.split(None, 1) for line in lines) == [["num_ctx", "512"], ["stop", '"a b"'], ["temperature", "0.5"]], lines


def main():
    global S
    thinks = serve.CHAT + "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
    with serve.Server("--ctx", "2048") as S:
        for name, template in (("chat", serve.CHAT), ("thinks", thinks)):
            S.create(name, 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, template))
        hob.main([(name[5:], function) for name, function in globals().items() if name.startswith("test_")])


if __name__ == "__main__":
    main()
