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
        seconds = spent() - before
        assert seconds < 8 or seconds < 8 * hob.slowness(), (what, seconds, answer)


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


ADDED = {  # what vLLM and llama.cpp add, with the values that their clients send when they want nothing of it
    "min_tokens": 0, "stop_token_ids": [], "allowed_token_ids": [], "bad_words": [], "include_stop_str_in_output": False,
    "skip_special_tokens": True, "length_penalty": 1.0, "use_beam_search": False, "add_generation_prompt": True,
    "continue_final_message": False, "documents": [], "return_token_ids": False, "return_tokens_as_token_ids": False,
    "min_keep": 0, "t_max_predict_ms": 0, "post_sampling_probs": False, "lora": [], "response_fields": [],
    "parse_tool_calls": True, "reasoning_budget": -1, "ignore_eos": False, "n_probs": 0, "samplers": [], "seed": -1}
ADVISORY = {"priority": 1, "request_id": "x", "cache_salt": "x", "spaces_between_special_tokens": False, "n_keep": 4,
            "n_discard": 0, "n_cache_reuse": 256, "backend_sampling": True, "verbose": True}


def test_added():
    """Fields of other servers: what changes nothing is taken, what cannot change the text is named in a header, and what
    cannot be honoured is refused by its name."""
    for path, body in (("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
                       ("/v1/completions", {"prompt": "Hi"}), ("/v1/responses", {"input": "Hi"})):
        added = {name: value for name, value in ADDED.items() if name != "return_token_ids" or "input" not in body}
        body = dict(body, model="chat", **{"max_output_tokens" if "input" in body else "max_tokens": 4})
        status, headers, answer = S.ask("POST", path, dict(body, **added, **ADVISORY))
        assert status == 200 and set(headers["X-Hob-Ignored"].split(", ")) == set(ADVISORY), (path, answer, headers.items())
        for name, value in (("min_tokens", 5), ("min_tokens", -1), ("stop_token_ids", [10 ** 6]), ("stop_token_ids", ["x"]),
                            ("stop_token_ids", [2 ** 32]), ("allowed_token_ids", [-1]), ("bad_words", [""]), ("bad_words", [5]),
                            ("min_keep", -1), ("return_token_ids", 1), ("skip_special_tokens", False),
                            ("add_generation_prompt", False), ("lora", [{"id": 0}]),
                            ("samplers", ["none"]), ("samplers", [5]), ("n_probs", 99), ("length_penalty", 2)):
            status, _, answer = S.ask("POST", path, dict(body, **{name: value}))
            assert status == 400 and name in answer["error"]["message"], (path, name, value, answer)


def said(**more):
    return S.post("/v1/chat/completions", dict({"model": "chat", "messages": [{"role": "user", "content": "Hi"}],
                                                "max_tokens": 8}, **more))["choices"][0]["message"]["content"]


def test_added_constraints():
    yes = {"type": "string", "enum": ["yes"]}
    for added in ({"guided_json": yes}, {"guided_json": json.dumps(yes)}, {"structured_outputs": {"json": json.dumps(yes)}},
                  {"structured_outputs": {"json": yes}}, {"json_schema": yes}):
        assert said(max_tokens=30, **added) == '"yes"', added
    for added in ({"guided_regex": "yes"}, {"guided_choice": ["yes"]}, {"guided_grammar": 'root ::= "yes"'},
                  {"grammar": 'root ::= "yes"'}, {"structured_outputs": {"choice": ["yes"]}}):
        assert said(max_tokens=30, **added) == "yes", added


def test_added_tokens():
    """Ids that end a reply, that alone may be chosen, that may not follow each other; ends that come too early."""
    body = {"model": "chat", "prompt": "Hi", "max_tokens": 8, "temperature": 0, "return_token_ids": True, "ignore_eos": True}

    def choice(**more):
        return S.post("/v1/completions", dict(body, **more))["choices"][0]

    a, b = (S.post("/tokenize", {"model": "chat", "content": c})["tokens"][-1] for c in "ab")
    whole = choice()
    assert len(whole["token_ids"]) == 8 and whole["prompt_token_ids"], whole
    last = whole["token_ids"][5]
    n = whole["token_ids"].index(last) + 1
    ended = choice(stop_token_ids=[last])
    assert ended["token_ids"] == whole["token_ids"][:n] and ended["finish_reason"] == "stop", ended
    late = choice(stop_token_ids=[last], min_tokens=8)
    assert len(late["token_ids"]) == 8 and last not in late["token_ids"], late
    only = choice(allowed_token_ids=[a])
    assert only["token_ids"] == [a] * 8 and only["text"] == "a" * 8, only
    assert choice(allowed_token_ids=[a, b], bad_words=["a"])["token_ids"] == [b] * 8
    assert choice(allowed_token_ids=[a, b], bad_words=["b"])["token_ids"] == [a] * 8
    pairs = choice(allowed_token_ids=[a, b], bad_words=["aa", "bb"])["text"]
    assert pairs in ("abababab", "babababa"), pairs
    for more, text in (({}, ""), ({"include_stop_str_in_output": True}, "aaa"), ({"min_tokens": 4}, "aaaa"),
                       ({"min_tokens": 4, "include_stop_str_in_output": True}, "aaaaaaa"), ({"min_tokens": 7}, "aaaaaaaa")):
        made = choice(allowed_token_ids=[a], stop=["aaa"], **more)
        assert made["text"] == text, (more, made)
    assert choice(stop_token_ids=[a], allowed_token_ids=[a], include_stop_str_in_output=True)["text"] == "a"
    eos = S.post("/api/show", {"model": "chat"})["model_info"]["tokenizer.ggml.eos_token_id"]
    for least, more in ((0, {}), (3, {}), (3, {"stop_token_ids": [eos]})):
        made = choice(logit_bias={str(eos): 1000}, min_tokens=least, **dict({"ignore_eos": False}, **more))
        assert made["token_ids"].index(eos) == least == len(made["token_ids"]) - 1, (least, made)
    done = choice(min_tokens=8, constraint={"choice": ["a"]}, ignore_eos=False)  # nothing else is left then
    assert done["text"] == "a" and done["finish_reason"] == "stop", done


def test_added_ids():
    """Ids stream beside their text, and are those of the reply as a whole."""
    chat = {"messages": [{"role": "user", "content": "Hi"}]}
    for path, more in (("/v1/completions", {"prompt": "Hi"}), ("/v1/chat/completions", chat)):
        body = dict(more, model="chat", max_tokens=8, temperature=0, n=2, return_token_ids=True, ignore_eos=True)
        whole, parts = S.post(path, body), S.stream(path, dict(body, stream=True))
        told = [c["prompt_token_ids"] for p in [whole, *parts] for c in [p, *p["choices"]] if "prompt_token_ids" in c]
        assert len(told) == (4 if "prompt" in more else 3) and told[0] and all(t == told[0] for t in told), told
        for i in range(2):
            ids = [t for p in parts for c in p["choices"] if c["index"] == i for t in c["token_ids"]]
            assert ids == whole["choices"][i]["token_ids"] and len(ids) == 8, (path, ids, whole)


def test_added_sampling():
    """Seeds below zero, orders of samplers, log probabilities, and as many tokens as there is room for."""
    seeds = {n: said(seed=n, temperature=5, top_k=0, top_p=1) for n in (-7, 5, -(2 ** 63), 2 ** 63 - 1)}
    assert all(said(seed=n, temperature=5, top_k=0, top_p=1) == text for n, text in seeds.items()), seeds
    assert len(set(seeds.values())) == len(seeds), seeds
    body = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    assert len(S.post("/v1/chat/completions", dict(body, n=2, seed=2 ** 63 - 1))["choices"]) == 2
    order = ["top_k", "typ_p", "temperature"]
    assert said(samplers=order, seed=3, temperature=5) == said(samplers="top-k;typical;temperature", seed=3, temperature=5)
    assert said(samplers=order, seed=3, temperature=5) != said(samplers=["top_p"], seed=3, temperature=5)
    narrow = {"temperature": 5, "top_k": 0, "top_p": 1e-6, "seed": 3}
    assert said(**narrow) == said(**narrow, min_keep=1) == said(**dict(narrow, seed=4)) != said(**narrow, min_keep=50)
    chosen = S.post("/v1/chat/completions", dict(body, n_probs=3))["choices"][0]["logprobs"]["content"][0]
    assert len(chosen["top_logprobs"]) == 3, chosen
    for name, path in (("max_tokens", "/v1/completions"), ("n_predict", "/v1/completions")):
        done = S.post(path, {"model": "chat", "prompt": "a", name: -1, "ignore_eos": True, "stop": ["never"]})
        assert done["usage"]["completion_tokens"] > 3000, done["usage"]
    assert S.ask("POST", "/v1/completions", {"model": "chat", "prompt": "a", "max_tokens": -2})[0] == 400
    assert S.ask("POST", "/v1/messages", dict(body, max_tokens=-1))[0] == 400


def test_functions():
    """Calls as they were before they had ids."""
    asked = [{"role": "user", "content": "Hi"}]
    result = {"role": "function", "name": "f", "content": "x"}
    called = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{\"a\": 1}"}}
    for messages, want in ((asked + [called, result], 200), (asked + [result], 400),
                           (asked + [dict(called, function_call={"arguments": "{}"})], 400)):
        status, _, answer = S.ask("POST", "/v1/chat/completions", {"model": "chat", "max_tokens": 1, "messages": messages})
        assert status == want, (messages, answer)


def test_offsets():
    """The places of tokens count characters, and go on through a stream."""
    body = {"model": "chat", "prompt": "Hi", "max_tokens": 12, "logprobs": 0, "ignore_eos": True, "temperature": 0,
            "constraint": {"regex": "(\u00e9\u65e5x){4}"}}
    whole = S.post("/v1/completions", body)["choices"][0]
    text, offsets = whole["text"], whole["logprobs"]["text_offset"]
    assert offsets[0] == 0 and offsets == sorted(offsets) and offsets[-1] <= len(text), whole
    assert len(text.encode()) > len(text) and offsets[-1] >= len(text) - 2, whole
    parts = [c["choices"][0]["logprobs"]["text_offset"] for c in S.stream("/v1/completions", dict(body, stream=True))
             if c["choices"]]
    assert sum(parts, []) == offsets, (parts, offsets)


def test_no_template():
    """A model without a chat template takes prompts as they are; messages are refused with what to do."""
    ask = {"model": "plain", "prompt": "Hi there", "stream": False, "options": {"num_predict": 6, "temperature": 0}}
    plain = S.post("/api/generate", ask)
    assert plain["response"] == S.post("/api/generate", dict(ask, raw=True))["response"] and plain["prompt_eval_count"]
    status, headers, answer = S.ask("POST", "/api/generate", dict(ask, system="Be brief.", think=False))
    assert status == 200 and answer["response"] == plain["response"] and "system" in headers["X-Hob-Ignored"], answer
    asked = [{"role": "user", "content": "Hi"}]
    for path, body in (("/api/chat", {"messages": asked}), ("/v1/chat/completions", {"messages": asked}),
                       ("/v1/messages", {"messages": asked, "max_tokens": 1}), ("/v1/responses", {"input": "Hi"}),
                       ("/v1/messages/count_tokens", {"messages": asked}),
                       ("/api/generate", dict(ask, context=plain["context"]))):
        status, _, answer = S.ask("POST", path, dict(body, model="plain"))
        assert status == 400 and "has no chat template; use" in json.dumps(answer), (path, status, answer)


def main():
    global S
    with serve.Server("--ctx", "4096") as S:
        S.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        plain = os.path.join(hob.TEMP, "plain.gguf")
        with open(serve.TINY, "rb") as file, open(plain, "wb") as copy:
            copy.write(file.read().replace(b"tokenizer.chat_template", b"tokenizer.no_template__"))
        S.create("plain", "FROM %s\n" % plain)
        return hob.main([(name[5:], function) for name, function in list(globals().items()) if name.startswith("test_")])


main()
