#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one request may cost, and requests that look odd but mean something."""
import json
import os

import serve
from serve import hob

S = None
TICKS = os.sysconf("SC_CLK_TCK")
CALL = {"role": "assistant", "content": "x", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}


def spent():
    """Seconds of processor that the server has taken."""
    with open("/proc/%d/stat" % S.process.pid) as file:
        return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) / TICKS


def tool(i, schema):
    return {"type": "function", "function": {"name": "t%d" % i, "parameters": schema}}


def test_cost():
    """Nothing that a request can hold many of is looked through once for each of them."""
    result = {"role": "tool", "tool_call_id": "a"}
    odd = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    list_ = {"type": "json_schema", "json_schema": {"schema": {"allOf": [{"enum": list(range(45000))}] * 2}}}
    chat, claude = {"model": "chat", "max_tokens": 1}, {"model": "chat", "max_tokens": 1}
    ask = [{"role": "user", "content": "Hi"}]
    for what, path, body in (
            ("results", "/v1/chat/completions", dict(chat, messages=[CALL] + [result] * 33000)),
            ("results, in words", "/v1/chat/completions", dict(chat, tools=[tool(0, {})], messages=[CALL] + [
                dict(result, content="x" * 300)] * 24000)),
            ("blocks", "/v1/messages", dict(claude, messages=[
                {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}] * 10000},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}] * 10000}])),
            ("tools", "/v1/chat/completions", dict(chat, messages=ask, tools=[tool(i, odd) for i in range(256)])),
            ("values", "/v1/chat/completions", dict(chat, messages=ask, response_format=list_))):
        before = spent()
        status, _, answer = S.ask("POST", path, body, timeout=300)
        assert status in (200, 400), (what, status, answer)
        assert spent() - before < 8, (what, spent() - before, answer)


def test_results():
    """A result names a call that was made; one without a name is the result of any."""
    def ask(*messages):
        return S.ask("POST", "/v1/chat/completions", {"model": "chat", "max_tokens": 1, "messages": messages})[0]
    other = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    assert ask(CALL, {"role": "tool", "tool_call_id": "a", "content": "x"}) == 200
    assert ask(CALL, {"role": "tool", "tool_call_id": "b", "content": "x"}) == 400
    assert ask({"role": "tool", "tool_call_id": "a", "content": "x"}, CALL) == 400
    assert ask(CALL, {"role": "tool", "content": "x"}) == ask(other, {"role": "tool", "tool_call_id": "b", "content": ""}) == 200


def test_empty_turns():
    """A turn of the user's in which nothing is said is a turn: what comes next begins a message of the model's."""
    asked = [{"role": "user", "content": "Count"}, {"role": "assistant", "content": "One"}]
    counts = {json.dumps(last): S.post("/v1/messages/count_tokens", {"model": "chat", "messages": asked + [
        {"role": "user", "content": last}]})["input_tokens"] for last in (
            "", [], [{"type": "text", "text": ""}], [{"type": "redacted_thinking", "data": "x"}])}
    assert len(set(counts.values())) == 1, counts
    assert S.post("/v1/messages/count_tokens", {"model": "chat", "messages": asked})["input_tokens"] not in counts.values()


def test_references():
    """Items of earlier responses are named by their ids, by their owner."""
    ask = {"model": "chat", "max_output_tokens": 3, "temperature": 0}
    first = S.post("/v1/responses", dict(ask, input="Hi"))
    asked = S.ask("GET", "/v1/responses/%s/input_items" % first["id"])[2]
    assert asked["object"] == "list" and [i["content"] for i in asked["data"]] == [[{"type": "input_text", "text": "Hi"}]]
    assert asked["first_id"] == asked["last_id"] == asked["data"][0]["id"] and asked["has_more"] is False
    said, more = first["output"][0], {"role": "user", "content": "More"}
    whole = S.post("/v1/responses", dict(ask, input=[{"role": "user", "content": "Hi"}, said, more]))
    for form in ({"type": "item_reference"}, {"type": None}, {}):
        short = S.post("/v1/responses", dict(ask, input=[
            dict(form, id=asked["data"][0]["id"]), dict(form, id=said["id"]), more]))
        assert short["usage"]["input_tokens"] == whole["usage"]["input_tokens"], (form, short, whole)
        assert [i["id"] for i in S.ask("GET", "/v1/responses/%s/input_items" % short["id"])[2]["data"]][:2] == [
            asked["data"][0]["id"], said["id"]]
    body = dict(ask, input=[{"type": "item_reference", "id": said["id"]}, more])
    status, _, answer = S.ask("POST", "/v1/responses", body, {"Authorization": "Bearer other"})
    assert status == 404 and "input[0]" in answer["error"]["message"], answer
    assert S.ask("GET", "/v1/responses/resp_none/input_items")[0] == 404
    assert S.ask("GET", "/v1/responses//input_items")[0] == 404


def test_incomplete():
    """An item that the end of the tokens cuts says so, as the response does."""
    ask = {"model": "chat", "input": "Hi", "max_output_tokens": 3, "ignore_eos": True}
    for response in (S.post("/v1/responses", ask), S.stream("/v1/responses", dict(ask, stream=True))[-1]["response"]):
        assert response["status"] == "incomplete" == response["output"][-1]["status"], response
    done = S.post("/v1/responses", dict(ask, constraint={"choice": ["a"]}, max_output_tokens=30))
    assert done["status"] == "completed" == done["output"][-1]["status"], done


def main():
    global S
    with serve.Server("--ctx", "4096") as S:
        S.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        return hob.main([(name[5:], function) for name, function in list(globals().items()) if name.startswith("test_")])


main()
