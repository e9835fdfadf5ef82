#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each field of each endpoint, as the OpenAPI document lists them: null is absent, another type is refused by name, an
unknown field is refused by name, an advisory one is named in X-Hob-Ignored. Whatever was returned is accepted back."""
import json

import serve
from serve import hob

S = None
ASKED = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {
    "type": "object", "properties": {"where": {"type": "string", "enum": ["here", "there"]}}, "required": ["where"], "additionalProperties": False}}}
# The smallest request of each endpoint that takes fields.
SMALLEST = {
    "/v1/chat/completions": {"model": "chat", "messages": ASKED, "max_tokens": 2},
    "/v1/completions": {"model": "chat", "prompt": "Hi", "max_tokens": 2},
    "/v1/responses": {"model": "chat", "input": "Hi", "max_output_tokens": 2},
    "/v1/messages": {"model": "chat", "messages": ASKED, "max_tokens": 2},
    "/v1/messages/count_tokens": {"model": "chat", "messages": ASKED},
    "/api/chat": {"model": "chat", "messages": ASKED, "options": {"num_predict": 2}},
    "/api/generate": {"model": "chat", "prompt": "Hi", "options": {"num_predict": 2}},
    "/v1/embeddings": {"model": "chat", "input": "Hi"},
    "/api/embed": {"model": "chat", "input": "Hi"},
    "/api/embeddings": {"model": "chat", "prompt": "Hi"},
    "/api/show": {"model": "chat"},
    "/api/copy": {"source": "chat", "destination": "copied"},
    "/api/create": {"model": "made", "from": "chat", "stream": False},
    "/api/pull": {"model": "chat"},
    "/api/push": {"model": "chat"},
    "/tokenize": {"model": "chat", "content": "Hi"},
    "/detokenize": {"model": "chat", "tokens": [1]},
    "/render": {"model": "chat", "messages": ASKED},
}
# "model" has an older name beside it, so that neither can be required alone.
EXAMPLES = {"boolean": True, "integer": 3, "number": 0.5, "string": "text", "array": [], "object": {}}


def schemas():
    document = S.ask("GET", "/openapi.json")[2]
    for path, methods in document["paths"].items():
        body = methods.get("post", {}).get("requestBody")
        if body:
            yield path, body["content"]["application/json"]["schema"]


def test_null_is_absent():
    for path, schema in schemas():
        smallest = SMALLEST[path]
        plain = S.ask("POST", path, smallest)
        assert plain[0] == (501 if path in ("/api/pull", "/api/push") else 200), (path, plain)
        nulls = {name: None for name in schema["properties"] if name not in smallest}
        status, headers, answer = S.ask("POST", path, dict(smallest, **nulls))
        assert status == plain[0], (path, answer)
        assert headers["X-Hob-Ignored"] == plain[1]["X-Hob-Ignored"], (path, headers["X-Hob-Ignored"])
        for name in schema["required"]:
            for body in ({k: v for k, v in smallest.items() if k != name}, dict(smallest, **{name: None})):
                status, _, answer = S.ask("POST", path, body)
                assert status == 400 and name in json.dumps(answer), (path, name, status, answer)
    assert {path for path, _ in schemas()} == set(SMALLEST)


def test_types_and_names():
    for path, schema in schemas():
        for name, field in schema["properties"].items():
            kinds = field.get("type", [])
            if field.get("description", "").startswith("accepted, and named"):
                value = next(EXAMPLES[k] for k in kinds if k != "null")
                status, headers, answer = S.ask("POST", path, dict(SMALLEST[path], **{name: value}))
                assert status in (200, 501) and name in headers["X-Hob-Ignored"].split(", "), (path, name, answer)
                continue
            for kind, value in EXAMPLES.items():
                if kinds and kind not in kinds and not (kind == "integer" and "number" in kinds):
                    status, _, answer = S.ask("POST", path, dict(SMALLEST[path], **{name: value}))
                    assert status == 400 and name in json.dumps(answer), (path, name, value, status, answer)
        status, _, answer = S.ask("POST", path, dict(SMALLEST[path], no_such_field=1))
        assert status == 400 and "no_such_field" in json.dumps(answer), (path, answer)


def test_options_of_ollama():
    body = SMALLEST["/api/chat"]
    advisory = {"num_keep": 4, "num_gpu": -1, "num_thread": 0, "num_batch": 512, "main_gpu": 0, "use_mmap": True,
                "use_mlock": False, "low_vram": False, "f16_kv": True, "numa": False, "vocab_only": False, "tfs_z": 1.0,
                "penalize_newline": True, "draft_num_predict": 4}
    honoured = {"seed": -1, "num_predict": 2, "top_k": 40, "top_p": 0.9, "min_p": 0.0, "typical_p": 1.0, "stop": ["x"],
                "repeat_last_n": 64, "temperature": 0.8, "repeat_penalty": 1.1, "presence_penalty": 0.0,
                "frequency_penalty": 0.0, "num_ctx": 128, "mirostat": 0, "mirostat_tau": 5.0, "mirostat_eta": 0.1}
    status, headers, answer = S.ask("POST", "/api/chat", dict(body, options=dict(advisory, **honoured)))
    assert status == 200 and set(headers["X-Hob-Ignored"].split(", ")) == set(advisory), (answer, headers["X-Hob-Ignored"])
    for name in list(advisory) + list(honoured):
        status, headers, answer = S.ask("POST", "/api/chat", dict(body, options={"num_predict": 2, name: None}))
        assert status == 200 and not headers["X-Hob-Ignored"], (name, answer)
    assert S.ask("POST", "/api/chat", dict(body, options={"num_predict": 2.0, "no_such": 1}))[0] == 400


def test_ways_to_fail():
    """Each dialect tells an error in its own shape: before an answer has begun, and within a stream."""
    shapes = {
        "/v1/chat/completions": lambda a: {"message", "type", "param", "code"} == set(a["error"]),
        "/v1/completions": lambda a: {"message", "type", "param", "code"} == set(a["error"]),
        "/v1/responses": lambda a: {"message", "type", "param", "code"} == set(a["error"]),
        "/v1/messages": lambda a: a["type"] == "error" and {"type", "message"} == set(a["error"]),
        "/api/chat": lambda a: list(a) == ["error"] and isinstance(a["error"], str),
        "/api/generate": lambda a: list(a) == ["error"] and isinstance(a["error"], str),
        "/tokenize": lambda a: a["error"]["code"] >= 400,
    }
    for path, shape in shapes.items():
        for method, body, want in (("POST", b"{", 400), ("POST", {"model": "none", **{k: v for k, v in
                                                                 SMALLEST[path].items() if k != "model"}}, 404),
                                   ("PATCH", None, 405), ("OPTIONS", None, 405), ("GET", None, 405)):
            status, headers, answer = S.ask(method, path, body)
            assert status == want and shape(answer), (method, path, status, answer)
            assert want != 405 or headers["Allow"] == "POST", headers.items()
        assert S.ask("HEAD", path)[0] == 405
        status, _, answer = S.ask("POST", path, json.dumps(SMALLEST[path]).encode(), {
            "Origin": "http://127.0.0.1:%d" % S.port, "Content-Type": "text/plain"})
        assert status == 415 and shape(answer), (path, answer)
    for path, shape in (("/v1/none", shapes["/v1/completions"]), ("/v1/messages/none", shapes["/v1/messages"]),
                        ("/api/none", shapes["/api/chat"]), ("/none", shapes["/tokenize"])):
        status, _, answer = S.ask("GET", path)
        assert status == 404 and shape(answer), (path, answer)
    impossible = {"constraint": {"choice": ["yes"], "after": ""}, "stream": True}
    bias = ["%d=-inf" % i for i in range(256)]
    for path, biased in (("/v1/chat/completions", True), ("/v1/completions", True), ("/v1/responses", True)):
        status, headers, text = S.ask("POST", path, dict(SMALLEST[path], **impossible, logit_bias=bias))
        assert status == 200, (path, text)
        last = json.loads(text.split("data: {")[-1].join(["{", ""]))
        if path == "/v1/responses":
            assert last["type"] == "response.failed" and last["response"]["error"]["message"], text
            assert '"type":"error"' in text.replace('": "', '":"'), text
        else:
            assert shapes[path](last) and "no token" in last["error"]["message"], text


def test_openai_takes_back():
    body = {"model": "tools", "messages": ASKED, "tools": [TOOL], "tool_choice": "required", "max_tokens": 200,
            "parallel_tool_calls": False, "logprobs": True}
    message = S.post("/v1/chat/completions", body)["choices"][0]["message"]
    call = message["tool_calls"][0]
    parts = S.stream("/v1/chat/completions", dict(body, stream=True))
    deltas = [d for p in parts if p["choices"] for d in p["choices"][0]["delta"].get("tool_calls", [])]
    merged = dict(deltas[0], function={"name": deltas[0]["function"]["name"],
                                       "arguments": "".join(d["function"]["arguments"] for d in deltas)})
    assert "index" in merged and json.loads(merged["function"]["arguments"])["where"] in ("here", "there")
    odd = dict(message, refusal=None, annotations=[], audio=None, function_call=None, reasoning="Hm.",
               reasoning_content="Hm.", name=None)
    for one, id_ in ((odd, call["id"]), (dict(odd, content="", tool_calls=[merged]), merged["id"])):
        S.post("/v1/chat/completions", {"model": "tools", "max_tokens": 2, "tools": [TOOL], "messages": [
            *ASKED, one, {"role": "tool", "tool_call_id": id_, "content": [{"type": "text", "text": "a door"}]}]})
    S.post("/v1/chat/completions", {"model": "chat", "max_tokens": 2, "messages": [
        *ASKED, {"role": "assistant", "content": None, "refusal": "No."}, {"role": "assistant", "content": [
            {"type": "refusal", "refusal": "No."}]}, {"role": "developer", "content": "Be", "name": "me"}, *ASKED]})


def test_responses_take_back():
    body = {"model": "tools", "input": "Hi", "tools": [dict(TOOL["function"], type="function")],
            "tool_choice": "required", "max_output_tokens": 200, "parallel_tool_calls": False}
    for output in (S.post("/v1/responses", body)["output"],
                   S.stream("/v1/responses", dict(body, stream=True))[-1]["response"]["output"],
                   S.post("/v1/responses", {"model": "thinks", "input": "Hi", "max_output_tokens": 9})["output"]):
        results = [{"type": "function_call_output", "call_id": i["call_id"], "output": "a door"}
                   for i in output if i["type"] == "function_call"]
        S.post("/v1/responses", {"model": "tools", "max_output_tokens": 2, "input": [
            {"role": "user", "content": "Hi"}, *output, *results, {"role": "user", "content": [
                {"type": "input_text", "text": "More"}]}]})
    first = S.post("/v1/responses", body)
    call = first["output"][-1]
    S.post("/v1/responses", dict(body, tool_choice="none", max_output_tokens=2, previous_response_id=first["id"], input=[
        {"type": "function_call_output", "call_id": call["call_id"], "output": "a door"}]))
    kept = S.post("/v1/responses", dict(body, store=False))
    assert kept["store"] is False and S.ask("GET", "/v1/responses/" + kept["id"])[0] == 404


def test_anthropic_takes_back():
    body = {"model": "tools", "messages": ASKED, "max_tokens": 200, "tool_choice": {
        "type": "any", "disable_parallel_tool_use": True}, "tools": [
            {"name": "look", "input_schema": TOOL["function"]["parameters"]}]}
    called = S.post("/v1/messages", body)["content"]
    thought = S.post("/v1/messages", {"model": "thinks", "messages": ASKED, "max_tokens": 9,
                                      "thinking": {"type": "enabled", "budget_tokens": 1024}})["content"]
    assert thought[0]["type"] == "thinking" and thought[0]["signature"], thought
    use = called[-1]
    S.post("/v1/messages", dict(body, max_tokens=2, tool_choice=None, messages=[
        *ASKED, {"role": "assistant", "content": thought + [{"type": "redacted_thinking", "data": "x"}] + called},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use["id"], "is_error": True,
                                      "content": [{"type": "text", "text": "no door"}]}, {"type": "text", "text": "So?"}]},
        {"role": "system", "content": "Be brief."}, *ASKED]))


def test_ollama_takes_back():
    body = {"model": "tools", "messages": ASKED, "tools": [TOOL], "stream": False, "options": {"num_predict": 200}}
    literal = 'root ::= "<tool_call>{\\"name\\": \\"look\\", \\"arguments\\": {\\"where\\": \\"here\\"}}</tool_call>"'
    message = S.post("/api/chat", dict(body, constraint={"grammar": literal, "after": ""}))["message"]
    assert message["tool_calls"][0]["function"]["arguments"] == {"where": "here"}, message
    S.post("/api/chat", dict(body, messages=[*ASKED, dict(message, thinking="Hm.", images=None),
                                             {"role": "tool", "tool_name": "look", "content": "a door"}]))


def test_allowed_tools():
    """Of all the tools that the model sees, it calls those that are allowed."""
    other = json.loads(json.dumps(TOOL).replace('"look"', '"listen"'))
    for path, body, choice in (
            ("/v1/chat/completions", {"messages": ASKED, "tools": [TOOL, other], "max_tokens": 300},
             lambda mode, names: {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [
                 {"type": "function", "function": {"name": n}} for n in names]}}),
            ("/v1/responses", {"input": "Hi", "tools": [dict(t["function"], type="function") for t in (TOOL, other)],
                               "max_output_tokens": 300},
             lambda mode, names: {"type": "allowed_tools", "mode": mode, "tools": [
                 {"type": "function", "name": n} for n in names]})):
        for seed in range(3):
            answer = json.dumps(S.post(path, dict(body, model="tools", seed=seed, tool_choice=choice("required", ["listen"])))
                                ["choices" if "chat" in path else "output"])
            assert '"listen"' in answer and '"look"' not in answer, answer
        S.post(path, dict(body, model="tools", tool_choice=choice("auto", ["look", "listen"]),
                          **{"max_tokens" if "chat" in path else "max_output_tokens": 2}))
        for bad in (choice("required", ["smell"]), choice("none", ["look"]), choice("auto", [])):
            status, _, answer = S.ask("POST", path, dict(body, model="tools", tool_choice=bad))
            assert status == 400 and "tool_choice" in json.dumps(answer), answer


TOOLS = ("{%- if tools %}<tool_call>{%- for t in tools %}{{ t | tojson }}{% endfor %}</tool_call>{% endif %}"
         "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>"
         "{{ c.function | tojson }}</tool_call>{% endfor %}{% endfor %}<|assistant|>")


def test_tools_without_template():
    """A model whose template knows no tools gets them in words, and its calls are calls."""
    asked = {"model": "chat", "messages": [{"role": "system", "content": "Be brief."}, *ASKED], "tools": [TOOL]}
    shown = S.post("/render", asked)["prompt"]
    assert shown.startswith("<system>Be brief.\n\nYou may call functions.") and '"look"' in shown, shown
    told = S.post("/render", dict(asked, messages=[
        *ASKED, {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": {
            "name": "look", "arguments": '{"where": "here"}'}}]},
        {"role": "tool", "tool_call_id": "a", "content": "a door"}, {"role": "user", "content": "And?"}]))["prompt"]
    assert told.endswith("\n\nHi\n<assistant><tool_call>\n{\"name\":\"look\",\"arguments\":{\"where\":\"here\"}}\n"
                         "</tool_call>\n<user><tool_response>\na door\n</tool_response>\nAnd?\n<assistant>"), told
    for seed in range(3):
        choice = S.post("/v1/chat/completions", dict(asked, tool_choice="required", seed=seed, max_tokens=300,
                                                     parallel_tool_calls=False))["choices"][0]
        call = choice["message"]["tool_calls"][0]["function"]
        assert call["name"] == "look" and json.loads(call["arguments"])["where"] in ("here", "there"), choice
    assert S.post("/v1/chat/completions", dict(asked, max_tokens=2))["choices"]


def main():
    global S
    with serve.Server("--ctx", "4096") as S:
        for name, template in (("chat", serve.CHAT), ("tools", TOOLS), ("thinks", serve.CHAT + "{# </think> #}<think>\n")):
            S.create(name, 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, template))
        hob.main([(name[5:], function) for name, function in globals().items() if name.startswith("test_")])


if __name__ == "__main__":
    main()
