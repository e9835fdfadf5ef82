#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hob serve: each API's shapes, the library under it, and what is refused."""
import base64
import hashlib
import json
import os
import socket
import threading

import serve
from serve import hob

S = None  # the server of most tests


def chat(model="chat", **more):
    return dict({"model": model, "messages": [{"role": "user", "content": "Hi"}], "seed": 3, "max_tokens": 6}, **more)


def refused(path, body, *words, status=400, server=None):
    got, _, answer = (server or S).ask("POST", path, body)
    text = json.dumps(answer)
    assert got == status, (path, body if len(str(body)) < 500 else "", got, text)
    for word in words:
        assert word in text, (word, text)


def test_openai_chat():
    want = S.text("run", "chat", "Hi", "--seed", "3", "-n", "6")
    whole = S.post("/v1/chat/completions", chat())
    choice = whole["choices"][0]
    assert whole["object"] == "chat.completion" and choice["message"]["content"] == want, (whole, want)
    assert choice["finish_reason"] == "length" and whole["usage"]["completion_tokens"] == 6
    assert whole["usage"]["total_tokens"] == whole["usage"]["prompt_tokens"] + 6
    parts = S.stream("/v1/chat/completions", chat(stream=True, stream_options={"include_usage": True}))
    assert parts[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(p["choices"][0]["delta"].get("content", "") for p in parts if p["choices"]) == want
    assert parts[-1]["choices"] == [] and parts[-1]["usage"] == whole["usage"]
    assert [p["choices"][0]["finish_reason"] for p in parts if p["choices"]][-1] == "length"
    several = S.post("/v1/chat/completions", chat(n=3))["choices"]
    assert [c["index"] for c in several] == [0, 1, 2] and several[0]["message"]["content"] == want
    assert several[1]["message"]["content"] != want
    logged = S.post("/v1/chat/completions", chat(logprobs=True, top_logprobs=2))["choices"][0]["logprobs"]["content"]
    assert "".join(bytes(t["bytes"]).decode("utf-8", "replace") for t in logged).startswith(want[:1])
    assert all(len(t["top_logprobs"]) == 2 and t["logprob"] <= 0 for t in logged)
    receipt = S.post("/v1/chat/completions", chat(receipt=True))["receipt"]
    path = os.path.join(hob.TEMP, "receipt.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(receipt, file)
    S.hob("replay", path)
    again = dict(chat(), messages=[{"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": None}])
    assert S.post("/v1/chat/completions", again)["choices"][0]["message"]["content"] == want
    back = dict(choice["message"], annotations=[], audio=None, tool_calls=None)
    S.post("/v1/chat/completions", dict(chat(), messages=[{"role": "user", "content": "Hi"}, back,
                                                          {"role": "user", "content": "More"}]))


def test_openai_rest():
    models = S.ask("GET", "/v1/models")[2]["data"]
    assert "chat" in [m["id"] for m in models]
    assert S.ask("GET", "/v1/models/CHAT")[2]["object"] == "model"
    assert S.ask("GET", "/v1/models/none")[0] == 404
    body = {"model": "chat", "prompt": "Once", "seed": 2, "max_tokens": 5}
    want = S.text("generate", "chat", "Once", "--seed", "2", "-n", "5")
    assert S.post("/v1/completions", body)["choices"][0]["text"] == want
    assert "".join(p["choices"][0]["text"] for p in S.stream("/v1/completions", dict(body, stream=True))) == want
    ids = hob.run_json("tokenize", serve.TINY, "Once")
    assert len(ids) and S.post("/v1/completions", dict(body, prompt=ids))["usage"]["prompt_tokens"] == len(ids)
    refused("/v1/rerank", {}, status=501)
    for path in ("/api/pull", "/api/push"):
        refused(path, {"model": "x"}, "opens no connection", status=501)


def test_responses():
    body = {"model": "chat", "input": "Hi", "seed": 3, "max_output_tokens": 6}
    want = S.text("run", "chat", "Hi", "--seed", "3", "-n", "6")
    whole = S.post("/v1/responses", body)
    assert whole["output"][0]["content"][0]["text"] == want and whole["status"] == "incomplete"
    events = S.stream("/v1/responses", dict(body, stream=True))
    names = [e["type"] for e in events]
    assert names[:4] == ["response.created", "response.in_progress", "response.output_item.added",
                         "response.content_part.added"]
    assert names[-4:] == ["response.output_text.done", "response.content_part.done", "response.output_item.done",
                          "response.incomplete"], names
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    assert "".join(e.get("delta", "") for e in events) == want
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == want
    second = S.post("/v1/responses", dict(body, input="More", previous_response_id=whole["id"]))
    flat = chat(messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": want},
                          {"role": "user", "content": "More"}])
    assert second["output"][0]["content"][0]["text"] == \
        S.post("/v1/chat/completions", flat)["choices"][0]["message"]["content"]
    assert S.ask("GET", "/v1/responses/" + whole["id"])[2]["id"] == whole["id"]
    assert S.ask("GET", "/v1/responses/" + whole["id"], headers={"Authorization": "Bearer other"})[0] == 404
    assert S.ask("DELETE", "/v1/responses/" + whole["id"])[2]["deleted"] is True
    assert S.ask("GET", "/v1/responses/" + whole["id"])[0] == 404
    refused("/v1/responses", dict(body, previous_response_id="resp_none"), "resp_none", status=404)


def test_anthropic():
    body = {"model": "chat", "max_tokens": 3, "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}
    want = S.text("run", "chat", "Hi", "--temp", "0", "-n", "3")
    whole = S.post("/v1/messages?beta=true", body)
    assert whole["content"] == [{"type": "text", "text": want}] and whole["stop_reason"] == "max_tokens", whole
    events = S.stream("/v1/messages", dict(body, stream=True))
    names = [e["type"] for e in events]
    assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"]
    assert "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta") == want
    assert events[-2]["usage"]["output_tokens"] == 3
    count = S.post("/v1/messages/count_tokens", {"model": "chat", "messages": body["messages"]})["input_tokens"]
    assert count == whole["usage"]["input_tokens"] + whole["usage"]["cache_read_input_tokens"]
    status, headers, _ = S.ask("POST", "/v1/messages", dict(
        body, system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        metadata={"user_id": "u"}, context_management={"edits": []}, output_config={"effort": "high"},
        thinking={"type": "enabled", "budget_tokens": 1024}))
    assert status == 200 and {"metadata", "context_management", "thinking"} <= set(
        headers["X-Hob-Ignored"].split(", ")), headers["X-Hob-Ignored"]
    refused("/v1/messages", {"model": "chat", "messages": body["messages"]}, "max_tokens", "invalid_request_error")
    searching = dict(body, tools=[{"type": "web_search_20250305", "name": "web_search"}])
    assert S.ask("POST", "/v1/messages", searching)[1]["X-Hob-Ignored"] == "tools[0] (web_search_20250305)"
    refused("/v1/messages", dict(searching, tool_choice={"type": "any"}), "tool_choice")


def test_ollama():
    body = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}],
            "options": {"seed": 3, "num_predict": 6, "num_gpu": 1, "temperature": 0.8}}
    want = S.text("run", "chat", "Hi", "--seed", "3", "-n", "6")
    lines = S.stream("/api/chat", body)
    assert "".join(line["message"]["content"] for line in lines) == want and lines[-1]["done_reason"] == "length"
    assert lines[-1]["eval_count"] == 6 and lines[-1]["total_duration"] > 0
    assert S.post("/api/chat", dict(body, stream=False))["message"]["content"] == want
    assert "num_gpu" in S.ask("POST", "/api/chat", body)[1]["X-Hob-Ignored"]
    made = S.post("/api/generate", {"model": "chat", "prompt": "Hi", "stream": False, "options": body["options"]})
    assert made["response"] == want
    more = S.post("/api/generate", {"model": "chat", "prompt": "Go", "stream": False, "context": made["context"],
                                    "options": body["options"]})
    assert more["context"][:len(made["context"])] == made["context"]
    raw = S.post("/api/generate", {"model": "chat", "prompt": "Once", "raw": True, "stream": False,
                                   "options": {"seed": 2, "num_predict": 5}})
    assert raw["response"] == S.text("generate", "chat", "Once", "--seed", "2", "-n", "5")
    tags = S.ask("GET", "/api/tags")[2]["models"]
    assert {"name", "model", "modified_at", "size", "digest", "details"} <= set(tags[0])
    shown = S.post("/api/show", {"model": "chat"})
    assert shown["model_info"]["general.architecture"] == "llama" and "completion" in shown["capabilities"]
    assert S.post("/api/chat", {"model": "chat", "messages": [], "stream": False})["done_reason"] == "load"
    running = S.ask("GET", "/api/ps")[2]["models"]
    assert [m["name"] for m in running if m["digest"] is not None], running
    assert b"PROCESSOR" in S.hob("ps")[1] and b"100% CPU" in S.hob("ps")[1]
    S.hob("stop", "chat")
    serve.wait_for(lambda: S.ask("GET", "/api/ps")[2]["models"] == [])
    assert S.ask("GET", "/")[2] == "Ollama is running" and S.ask("HEAD", "/")[0] == 200
    refused("/api/generate", {"model": "chat", "prompt": "a", "suffix": "b", "stream": False}, "insert")


def test_library_while_serving():
    S.hob("cp", "chat", "Alias")
    assert S.post("/v1/chat/completions", chat("ALIAS"))["model"] == "ALIAS"
    S.post("/api/copy", {"source": "alias", "destination": "other:v2"})
    made = S.ask("POST", "/api/create", {"model": "pirate", "from": "other:v2", "system": "Arr",
                                         "parameters": {"temperature": 0, "stop": ["x"], "num_predict": 4}})
    assert made[0] == 200 and made[2].splitlines()[-1] == '{"status":"success"}'
    assert S.post("/api/show", {"model": "pirate"})["system"] == "Arr"
    assert S.post("/v1/chat/completions", {"model": "pirate", "messages": [{"role": "user", "content": "Hi"}]})[
        "choices"][0]["message"]["content"] == S.text("run", "pirate", "Hi")
    for key, bad in (("messages", [1]), ("messages", [None]), ("messages", [{"role": 5}]), ("license", [1, None]),
                     ("messages", [{"role": "user", "content": 5}])):
        refused("/api/create", {"model": "x", "from": "chat", key: bad}, key)
    refused("/api/create", {"model": "x", "from": "chat", "adapters": {"a": "b"}}, "adapters")
    for name in ("alias", "other:v2", "pirate"):
        assert S.ask("DELETE", "/api/delete", {"model": name})[0] == 200
        assert S.ask("DELETE", "/api/delete", {"model": name})[0] == 404
    data = open(serve.TINY, "rb").read()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    assert S.ask("HEAD", "/api/blobs/" + digest)[0] == 404
    assert S.ask("POST", "/api/blobs/sha256:" + "0" * 64, data)[0] == 400
    assert S.ask("POST", "/api/blobs/" + digest, data)[0] == 201
    assert S.ask("HEAD", "/api/blobs/" + digest)[0] == 200
    assert S.ask("POST", "/api/blobs/sha256:../../x", data)[0] == 400
    S.post("/api/create", {"model": "sent", "files": {"m.gguf": digest}, "template": serve.CHAT, "stream": False})
    assert S.post("/v1/chat/completions", chat("sent"))["choices"]
    path = os.path.join(hob.TEMP, "moving.gguf")
    with open(path, "wb") as file:
        file.write(data)
    S.hob("add", path)
    with open(path, "ab") as file:
        file.write(b"x")
    refused("/v1/chat/completions", chat("moving"), "has changed", status=500)
    os.remove(path)
    refused("/v1/chat/completions", chat("moving"), "vanished", status=404)


def test_options_are_honoured():
    """Values out of range, and null for what is absent."""
    path = "/v1/chat/completions"
    for raw, word in ((b'{"a":' * 65 + b"1" + b"}" * 65, "deeper"), (b"[" + b"1," * 100000 + b"1]", ""),
                      (b'{"model":"chat"} x', "end of file"), (b"\xef\xbb\xbf{}", "byte order"),
                      (b'{"model":"a","model":"b"}', "duplicate"), (b'{"a":NaN}', ""), (b'{"a":1e999}', "overflow"),
                      (b'{"a":"\\ud800"}', ""), (b"", "body"), (b"[]", "object"), (b'{"a": "\xff"}', "")):
        refused(path, raw, word)
    for name, values in (("temperature", (-1, 1e30, "hot", True)), ("top_p", (2, -0.1)), ("top_k", (-5, 1.5)),
                         ("seed", (2**70, 1.5)), ("presence_penalty", (1e9,)), ("max_tokens", (-2, 1.5, 2**60)),
                         ("n", (0, 1000, "1")), ("stop", ([""], [1])), ("logit_bias", ({"-1": 1}, {"999999": 1}, {"a": 1})),
                         ("dry_allowed_length", (-1,)), ("tools", ({}, [{}], [{"type": "function"}])),
                         ("response_format", ({"type": "xml"}, {"type": "json_schema"})),
                         ("keep_alive", ("5 parsecs", 2**63, [1], "0x10s", "1e5s", "1..5s", "1-s", "infs", ".s")), ("stream", (1,)), ("logprobs", (5,)),
                         ("top_logprobs", (3,)), ("chat_template_kwargs", ({"chat_template": "x"}, {"tokenize": False})),
                         ("tool_choice", (7, "maybe", "required")), ("no_such_field", (1,)),
                         ("reasoning_effort", ("a lot",))):
        for value in values:
            refused(path, chat(**{name: value}), name)
    refused(path, chat(stop=["x"] * 2000), "stop")
    for messages, word in (([], "messages"), ([{"role": "x", "content": "a"}], "messages[0].role"),
                           ([{"content": "a"}], "messages[0]"), ("Hi", "messages"),
                           ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}],
                            "messages[0].content[0]"),
                           ([{"role": "tool", "content": "a", "tool_call_id": "b"}], "messages[0]"),
                           ([{"role": "user", "content": "a"},
                             {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}],
                            "messages[1].tool_calls[0]")):
        refused(path, dict(chat(), messages=messages), word)
    for constraint in ({"grammar": "(" * 60000}, {"grammar": "root ::= root"}, {"grammar": 'root ::= "a"{1,1000000000}'},
                       {"grammar": "root ::= nothing"}, {"schema": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}},
                       {"schema": {"$ref": "http://example.com/x"}}, {"regex": "("}, {"nothing": 1}):
        refused(path, chat(constraint=constraint))
    assert S.post(path, chat(messages=[{"role": "assistant", "content": None}, {"role": "user", "content": "a"}]))
    refused(path, chat("no-such"), "no-such", "model_not_found", status=404)
    refused(path, chat("../../etc/passwd"), status=404)
    refused(path, {"messages": [{"role": "user", "content": "a"}]}, "model")
    assert len(S.post(path, chat(seed=2 ** 63 - 1, n=3, max_tokens=1))["choices"]) == 3
    for value in (None, 0, 10, "10m", "1h30m", "1.5s", ".5m", -1, "-1s"):
        assert S.post(path, chat(keep_alive=value))
    assert S.post(path, chat(temperature=None, tools=None, stop=None, n=None, functions=None))
    headers = S.ask("POST", path, chat(user="me", store=True, metadata={"a": "b"}, prompt_cache_key="k"))[1]
    assert set(headers["X-Hob-Ignored"].split(", ")) == {"user", "store", "metadata", "prompt_cache_key"}


def test_contexts():
    """The prompt that just fits, and one token more; a context of the request's own."""
    path = "/v1/completions"
    for ctx in (512,):
        assert S.post(path, {"model": "chat", "prompt": [5] * ctx, "max_tokens": 9})["usage"]["completion_tokens"] == 1
        refused(path, {"model": "chat", "prompt": [5] * (ctx + 1)}, str(ctx), str(ctx + 1))
    lines = S.stream("/api/generate", {"model": "chat", "prompt": "ab", "raw": True, "options": {"num_ctx": 8}})
    assert lines[-1]["prompt_eval_count"] + lines[-1]["eval_count"] <= 9
    refused("/api/generate", {"model": "chat", "prompt": "a" * 40, "raw": True, "options": {"num_ctx": 8}}, "8")


def test_taken():
    taken = hob.run("serve", "--listen", "127.0.0.1:%d" % S.port, ok=(5,))[2]
    assert "is taken" in taken and taken.count("\n") == 1, taken


def test_own():
    tokens = S.post("/tokenize", {"model": "chat", "content": "Once upon"})["tokens"]
    assert tokens == hob.run_json("tokenize", serve.TINY, "Once upon", "--no-bos")
    assert S.post("/detokenize", {"model": "chat", "tokens": tokens})["content"] == "Once upon"
    made = S.post("/render", {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]})
    assert made["prompt"] == "<user>Hi\n<assistant>" and made["spans"] == [[6, 8]]
    document = S.ask("GET", "/openapi.json")[2]
    for path, methods in document["paths"].items():
        for method in methods:
            status = S.ask(method.upper(), path.replace("{id}", "none"), b"{" if method == "post" else None)[0]
            assert status not in (405, 500), (path, method, status)
            assert status != 404 or "{id}" in path or path == "/metrics", (path, method, status)
    assert "temperature" in json.dumps(document["paths"]["/v1/chat/completions"])


def main():
    global S
    S = serve.Server()
    template = 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT)
    S.create("chat", template)
    S.create("long", template)
    tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]

    def last():
        S.stop()
    try:
        hob.main(tests + [("stops", last)])
    finally:
        S.process.kill()


if __name__ == "__main__":
    main()
