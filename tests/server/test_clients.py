#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The official clients from PyPI against hob serve: openai, ollama, anthropic. They are installed once, into a virtual
environment under the user's cache; where that cannot be done, the tests are skipped and say so."""
import os
import shutil
import subprocess
import sys

import serve
from serve import hob

PACKAGES = ("openai", "ollama", "anthropic")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "hob", "clients")
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}}, "required": ["city"], "additionalProperties": False}}}]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer"}},
          "required": ["name", "age"], "additionalProperties": False}
HERMES = ("{%- if tools %}<tool_call>{%- for t in tools %}{{ t | tojson }}{% endfor %}</tool_call>{% endif %}"
          "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>"
          "{{ c.function | tojson }}</tool_call>{% endfor %}{% endfor %}<|assistant|>")
THINKS = serve.CHAT + "{% if enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}"
ASKED = [{"role": "user", "content": "Hi"}]


def interpreter():
    """A Python that has the clients, or None."""
    python = os.path.join(CACHE, "bin", "python3")
    check = "import " + ", ".join(PACKAGES)
    if not os.path.exists(python):
        for command in ([sys.executable, "-m", "venv", CACHE], [python, "-m", "pip", "install", "-q", *PACKAGES]):
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=240)
            except (OSError, subprocess.SubprocessError):
                shutil.rmtree(CACHE, ignore_errors=True)  # half of it would be taken for the whole
                return None
    done = subprocess.run([python, "-c", check], capture_output=True, check=False)
    return python if done.returncode == 0 else None


def openai_client(server):
    import openai
    return openai.OpenAI(base_url="http://127.0.0.1:%d/v1" % server.port, api_key="none", max_retries=0)


def test_openai_chat(server):
    import openai
    client = openai_client(server)
    reply = client.chat.completions.create(model="chat", messages=ASKED, max_tokens=8, seed=1)
    assert reply.choices[0].finish_reason in ("stop", "length") and reply.usage.total_tokens > 0
    text = reply.choices[0].message.content
    stream = client.chat.completions.create(model="chat", messages=ASKED, max_tokens=8, seed=1, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in stream) == text
    again = client.chat.completions.create(model="chat", seed=1, max_tokens=4, messages=[
        *ASKED, reply.choices[0].message.model_dump(), {"role": "user", "content": "More"}])
    assert again.choices
    try:
        client.chat.completions.create(model="none", messages=ASKED)
        raise AssertionError("no error")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found"
    try:
        client.chat.completions.create(model="chat", messages=ASKED, temperature=-3)
        raise AssertionError("no error")
    except openai.BadRequestError as error:
        assert error.param == "temperature"
    assert "chat" in [m.id for m in client.models.list()] and client.models.retrieve("chat").id == "chat"
    with client.chat.completions.create(model="chat", messages=ASKED, max_tokens=300, stream=True,
                                        extra_body={"ignore_eos": True}) as stream:
        next(iter(stream))  # and leaves


def test_openai_tools(server):
    import json
    client = openai_client(server)
    reply = client.chat.completions.create(model="tools", messages=ASKED, tools=TOOLS, tool_choice="required", seed=1,
                                           max_tokens=200, parallel_tool_calls=False)
    call = reply.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather" and json.loads(call.function.arguments)["city"] in ("Paris", "Rome")
    assert reply.choices[0].finish_reason == "tool_calls"
    client.chat.completions.create(model="tools", seed=1, max_tokens=4, tools=TOOLS, tool_choice="none", messages=[
        *ASKED, reply.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}])
    with client.chat.completions.stream(model="tools", messages=ASKED, tools=TOOLS, tool_choice={
            "type": "function", "function": {"name": "get_weather"}}, seed=1, max_tokens=200) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_openai_schema(server):
    import json
    client = openai_client(server)
    form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": SCHEMA}}
    reply = client.chat.completions.create(model="chat", messages=ASKED, response_format=form, seed=2, max_tokens=300,
                                           temperature=0.4)
    if reply.choices[0].finish_reason == "stop":
        assert set(json.loads(reply.choices[0].message.content)) == {"name", "age"}


def test_openai_rest(server):
    import openai
    client = openai_client(server)
    assert client.completions.create(model="chat", prompt="Once", max_tokens=3).choices[0].finish_reason
    first = client.responses.create(model="chat", input="Hi", max_output_tokens=6)
    assert first.id.startswith("resp_") and isinstance(first.output_text, str)
    second = client.responses.create(model="chat", input="More", previous_response_id=first.id, max_output_tokens=6)
    assert second.previous_response_id == first.id and client.responses.retrieve(first.id).id == first.id
    kinds = [e.type for e in client.responses.create(model="chat", input="Hi", max_output_tokens=6, stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")
    one = client.embeddings.create(model="chat", input="x")
    several = client.embeddings.create(model="chat", input=["x", "yy"], encoding_format="float", dimensions=8)
    assert len(one.data[0].embedding) == 64 and [len(d.embedding) for d in several.data] == [8, 8]
    assert several.usage.prompt_tokens == several.usage.total_tokens > one.usage.prompt_tokens
    try:
        client.embeddings.create(model="chat", input="x", dimensions=65)
        raise AssertionError("no error")
    except openai.BadRequestError as error:
        assert "dimensions" in str(error)


def test_ollama(server):
    import json
    import math
    import ollama
    client = ollama.Client("http://127.0.0.1:%d" % server.port)
    options = {"seed": 1, "num_predict": 8}
    reply = client.chat("chat", messages=ASKED, options=options)
    assert reply.done and reply.eval_count <= 8
    parts = list(client.chat("chat", messages=ASKED, options=options, stream=True))
    assert "".join(p.message.content for p in parts) == reply.message.content
    assert client.generate("chat", "Hi", options=options).response is not None
    made = client.chat("tools", messages=ASKED, tools=TOOLS, options=dict(options, num_predict=60))
    for call in made.message.tool_calls or []:
        assert call.function.name == "get_weather"
    made = client.chat("chat", messages=ASKED, format=SCHEMA, options=dict(options, num_predict=300))
    if made.done_reason == "stop":
        assert set(json.loads(made.message.content)) == {"name", "age"}
    assert "chat:latest" in [m.model for m in client.list().models]
    assert client.show("chat").modelinfo["general.architecture"] == "llama"
    made = client.embed("chat", ["x", "yy"])
    assert [len(e) for e in made.embeddings] == [64, 64] and made.prompt_eval_count > 2
    raw = client.embeddings("chat", "x").embedding  # not scaled, as the other is
    length = math.hypot(*raw)
    assert all(abs(a / length - b) < 1e-6 for a, b in zip(raw, made.embeddings[0], strict=True))
    client.copy("chat", "copy")
    client.delete("copy")
    client.create(model="made", from_="chat", system="Be", parameters={"temperature": 0})
    assert client.show("made").parameters
    assert client.ps().models[0].size > 0
    thought = client.chat("thinks", messages=ASKED, think=True, options=options)
    assert thought.message.thinking is not None
    assert not client.chat("thinks", messages=ASKED, think=False, options=options).message.thinking
    for call, status in ((lambda: client.chat("none", messages=ASKED), 404), (lambda: client.embed("chat", "x", dimensions=65), 400),
                         (lambda: client.chat("chat", messages=ASKED, think=True), 400),
                         (lambda: client.pull("none"), 501)):
        try:
            call()
            raise AssertionError("no error")
        except ollama.ResponseError as error:
            assert error.status_code == status, error


def test_anthropic(server):
    import anthropic
    client = anthropic.Anthropic(base_url="http://127.0.0.1:%d" % server.port, api_key="none", max_retries=0)
    reply = client.messages.create(model="chat", max_tokens=8, messages=ASKED, extra_body={"temperature": 0})
    assert reply.content[0].type == "text" and reply.stop_reason in ("end_turn", "max_tokens")
    with client.messages.stream(model="chat", max_tokens=8, messages=ASKED,
                                extra_body={"temperature": 0}) as stream:
        assert "".join(stream.text_stream) == reply.content[0].text
    assert client.messages.count_tokens(model="chat", messages=ASKED).input_tokens > 0
    tools = [{"name": "get_weather", "description": "The weather",
              "input_schema": TOOLS[0]["function"]["parameters"]}]
    reply = client.messages.create(model="tools", max_tokens=200, messages=ASKED, tools=tools,
                                   tool_choice={"type": "any", "disable_parallel_tool_use": True})
    call = [b for b in reply.content if b.type == "tool_use"][0]
    assert call.input["city"] in ("Paris", "Rome") and reply.stop_reason == "tool_use"
    client.messages.create(model="tools", max_tokens=4, tools=tools, messages=[
        *ASKED, {"role": "assistant", "content": [b.model_dump() for b in reply.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]}])
    thought = client.messages.create(model="thinks", max_tokens=1100, messages=ASKED,
                                     thinking={"type": "enabled", "budget_tokens": 1024})
    assert thought.content[0].type == "thinking"
    try:
        client.messages.create(model="none", max_tokens=8, messages=ASKED)
        raise AssertionError("no error")
    except anthropic.NotFoundError:
        pass
    try:
        client.messages.create(model="chat", max_tokens=8, messages=[{"role": "robot", "content": "x"}])
        raise AssertionError("no error")
    except anthropic.BadRequestError as error:
        assert "messages[0].role" in str(error)


def main():
    tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]
    if "HOB_CLIENTS" not in os.environ:
        python = interpreter()
        if python:
            os.execve(python, [python, *sys.argv], dict(os.environ, HOB_CLIENTS="1"))

        def skip(server=None):
            raise hob.Skip("the clients cannot be installed from PyPI")
        hob.main([(name, skip) for name, _ in tests])
    with serve.Server("--ctx", "2048") as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        server.create("thinks", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, THINKS))
        server.create("tools", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, HERMES))
        hob.main([(name, lambda function=function: function(server)) for name, function in tests])


if __name__ == "__main__":
    main()
