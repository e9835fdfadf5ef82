#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what clients send, for tests/server/test_recordings.py.

    python3 -m venv V && V/bin/pip install openai ollama anthropic litellm langchain-openai langchain-ollama \\
        langchain-anthropic llm instructor
    V/bin/python3 tools/record_clients.py [CLIENT...]

Each client talks to `hob serve` through a recorder, with the requests that its own defaults make of a chat, a stream,
tools and a schema. A client whose request is not answered with 200 is an error. What is written: method, path, the
headers that change an answer, body.
"""
import http.client
import http.server
import importlib.metadata
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(HERE, "tests", "server"))
import serve  # noqa: E402

OUT = os.path.join(HERE, "tests", "server", "recordings")
KEPT = ("content-type", "accept", "anthropic-beta", "anthropic-version")
ASKED = [{"role": "user", "content": "Hi"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
              "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather of a city.",
                                         "parameters": PARAMETERS}}
requests, port = [], 0


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k.lower(): v for k, v in self.headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(self.command, self.path, body or None,
                           {k: v for k, v in headers.items() if k in KEPT or k == "user-agent"})
        response = connection.getresponse()
        data = response.read()
        requests.append({"method": self.command, "path": self.path, "status": response.status, "answer": data,
                         "headers": {k: v for k, v in headers.items() if k in KEPT},
                         **({"body": json.loads(body)} if body else {})})
        self.send_response(response.status)
        for name in ("Content-Type", "X-Hob-Ignored"):
            if response.headers[name]:
                self.send_header(name, response.headers[name])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_HEAD = forward

    def log_message(self, *words):
        pass


def of_openai(base):
    import openai
    import pydantic

    class Place(pydantic.BaseModel):
        city: str = pydantic.Field(max_length=4)
    client = openai.OpenAI(base_url=base + "/v1", api_key="none", max_retries=0)
    client.models.list()
    client.chat.completions.create(model="chat", messages=ASKED)
    list(client.chat.completions.create(model="chat", messages=ASKED, stream=True))
    client.chat.completions.create(model="chat", messages=ASKED, tools=[TOOL])
    client.chat.completions.parse(model="chat", messages=ASKED, response_format=Place, max_tokens=200, temperature=0)
    client.completions.create(model="chat", prompt="Hi")
    client.responses.create(model="chat", input="Hi")
    list(client.responses.create(model="chat", input=ASKED, stream=True, tools=[
        {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": False}]))
    client.responses.parse(model="chat", input="Hi", text_format=Place, temperature=0)


def of_ollama(base):
    import ollama
    client = ollama.Client(base)
    client.list()
    client.show("chat")
    client.chat("chat", messages=ASKED)
    list(client.chat("chat", messages=ASKED, stream=True, tools=[TOOL]))
    client.generate("chat", "Hi")
    list(client.generate("chat", "Hi", stream=True, format=PARAMETERS))
    client.ps()


def of_anthropic(base):
    import anthropic
    client = anthropic.Anthropic(base_url=base, api_key="none", max_retries=0)
    tool = {"name": "get_weather", "description": "The weather.", "input_schema": PARAMETERS}
    client.messages.create(model="chat", max_tokens=64, messages=ASKED)
    with client.messages.stream(model="chat", max_tokens=64, messages=ASKED, tools=[tool]) as stream:
        stream.get_final_message()
    client.messages.count_tokens(model="chat", messages=ASKED, tools=[tool])
    client.beta.messages.create(model="chat", max_tokens=64, messages=ASKED, betas=["context-management-2025-06-27"])


def of_litellm(base):
    import litellm
    litellm.telemetry = False
    for model, where in (("openai/chat", base + "/v1"), ("ollama_chat/chat", base), ("ollama/chat", base),
                         ("anthropic/chat", base)):
        more = dict(model=model, api_base=where, api_key="none", messages=ASKED, max_tokens=16)
        litellm.completion(**more)
        list(litellm.completion(stream=True, **more))
        litellm.completion(tools=[TOOL], **more)
    litellm.completion(model="openai/chat", api_base=base + "/v1", api_key="none", messages=ASKED, response_format={
        "type": "json_schema", "json_schema": {"name": "place", "schema": PARAMETERS, "strict": True}})
    litellm.responses(model="openai/chat", api_base=base + "/v1", api_key="none", input="Hi")


def use_langchain(model):
    model.invoke("Hi")
    list(model.stream("Hi"))
    model.bind_tools([TOOL]).invoke("Hi")
    model.with_structured_output(dict(PARAMETERS, title="place", description="A place.")).invoke("Hi")


def of_langchain_openai(base):
    from langchain_openai import ChatOpenAI, OpenAI
    use_langchain(ChatOpenAI(model="chat", base_url=base + "/v1", api_key="none", max_retries=0))
    use_langchain(ChatOpenAI(model="chat", base_url=base + "/v1", api_key="none", max_retries=0, use_responses_api=True))
    OpenAI(model="chat", base_url=base + "/v1", api_key="none", max_retries=0).invoke("Hi")


def of_langchain_ollama(base):
    from langchain_ollama import ChatOllama, OllamaLLM
    use_langchain(ChatOllama(model="chat", base_url=base, num_predict=64))
    ChatOllama(model="chat", base_url=base, validate_model_on_init=True, reasoning=False, num_predict=8).invoke("Hi")
    OllamaLLM(model="chat", base_url=base, num_predict=8).invoke("Hi")


def of_langchain_anthropic(base):
    from langchain_anthropic import ChatAnthropic
    use_langchain(ChatAnthropic(model="chat", base_url=base, api_key="none", max_retries=0, max_tokens=64))


def of_llm(base):
    home = os.path.join(serve.hob.TEMP, "llm")
    os.makedirs(home)
    with open(os.path.join(home, "extra-openai-models.yaml"), "w", encoding="utf-8") as file:
        file.write("- model_id: chat\n  model_name: chat\n  api_base: %s/v1\n  supports_tools: true\n"
                   "  supports_schema: true\n" % base)
    run = [os.path.join(os.path.dirname(sys.executable), "llm"), "-m", "chat", "--key", "none"]
    for words in (["Hi"], ["--no-stream", "Hi"], ["--system", "Be brief", "Hi"], ["--schema", json.dumps(PARAMETERS), "Hi"],
                  ["-T", "llm_version", "Hi"]):
        subprocess.run(run + words, check=True, env=dict(os.environ, LLM_USER_PATH=home), stdout=subprocess.DEVNULL)


def of_instructor(base):
    import instructor
    from instructor.core import InstructorRetryException
    import openai
    import pydantic

    class Place(pydantic.BaseModel):
        city: str = pydantic.Field(max_length=4)
    plain = openai.OpenAI(base_url=base + "/v1", api_key="none", max_retries=0)
    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON, instructor.Mode.JSON_SCHEMA):
        client = instructor.from_openai(plain, mode=mode)
        try:
            client.chat.completions.create(model="chat", messages=ASKED, response_model=Place, max_retries=0,
                                           max_tokens=200, temperature=0)
        except InstructorRetryException:
            assert mode == instructor.Mode.JSON  # whose schema is words in the prompt, lost on so small a model


CLIENTS = {name[3:].replace("_", "-"): function for name, function in globals().items() if name.startswith("of_")}


def record(name, base):
    requests.clear()
    CLIENTS[name](base)
    bad = [r for r in requests if r["status"] != 200]
    assert not bad, (name, bad)
    seen, kept = set(), []
    for request in requests:
        del request["status"], request["answer"]
        text = json.dumps(request, sort_keys=True)
        if text not in seen:
            seen.add(text)
            kept.append(request)
    with open(os.path.join(OUT, name + ".json"), "w", encoding="utf-8") as file:
        file.write('{"client": "%s %s", "requests": [\n' % (name, importlib.metadata.version(name)))
        file.write(",\n".join(json.dumps(request, ensure_ascii=False) for request in kept) + "\n]}\n")
    print("%s: %d requests" % (name, len(kept)))


def main():
    global port
    os.makedirs(OUT, exist_ok=True)
    with serve.Server("--ctx", "4096", "--parallel", "2") as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\nPARAMETER num_predict 100\n' % (serve.TINY, serve.CHAT))
        port = server.port
        recorder = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        for name in sys.argv[1:] or CLIENTS:
            record(name, "http://127.0.0.1:%d" % recorder.server_port)
        recorder.shutdown()


if __name__ == "__main__":
    main()
