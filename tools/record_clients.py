#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what clients send, for tests/server/test_recordings.py.

    python3 -m venv V && V/bin/pip install openai ollama anthropic litellm langchain-openai langchain-ollama \\
        langchain-anthropic llm instructor
    V/bin/python3 tools/record_clients.py openai ollama ...

The others do not go into one folder together. CLIENT is the name of the package to install, but for `llama-index`
(llama-index-llms-ollama, llama-index-llms-openai-like) and `claude-code` (claude-agent-sdk, which has the program); with
haystack-ai goes ollama-haystack, with autogen-ext[openai,ollama] autogen-agentchat, with smolagents, google-adk and
crewai litellm. Each client talks to `hob serve` through a recorder, with the requests that its own defaults make of a chat, a stream,
tools and a schema. A client whose request is not answered with 200 is an error. What is written: method, path, the
headers that change an answer, body.
"""
import http.client
import http.server
import importlib.metadata
import json
import os
import re
import socket
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


def use_agent(ask):
    """Runs an agent as far as a model of a few words lets it come."""
    try:
        ask()
    except Exception as error:  # pylint: disable=broad-except
        print("# the agent gave up: %s" % (str(error).splitlines() or [type(error).__name__])[0][:150])


def get_weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: the city
    """
    return "fair in " + city


def of_smolagents(base):
    import smolagents
    tool = smolagents.tool(get_weather)
    for model in (smolagents.OpenAIServerModel("chat", api_base=base + "/v1", api_key="none"),
                  smolagents.LiteLLMModel("ollama_chat/chat", api_base=base, api_key="none", num_ctx=4096)):
        for stream in (False, True):
            agent = smolagents.ToolCallingAgent(tools=[tool], model=model, max_steps=1, stream_outputs=stream, verbosity_level=0)
            use_agent(lambda agent=agent: agent.run("Hi"))
    structured = smolagents.CodeAgent(tools=[], max_steps=1, verbosity_level=0, use_structured_outputs_internally=True,
                                      model=smolagents.OpenAIServerModel("chat", api_base=base + "/v1", api_key="none"))
    use_agent(lambda: structured.run("Hi"))


def of_pydantic_ai_slim(base):
    import asyncio
    import pydantic
    import pydantic_ai
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.ollama import OllamaProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    class Place(pydantic.BaseModel):
        city: str
        near: "list[Place]" = []

    async def stream(agent):
        async with agent.run_stream("Hi") as result:
            async for _ in result.stream_text():
                pass
    openai = OpenAIProvider(base_url=base + "/v1", api_key="none")
    for model in (OpenAIChatModel("chat", provider=openai), OpenAIResponsesModel("chat", provider=openai),
                  OpenAIChatModel("chat", provider=OllamaProvider(base_url=base + "/v1", api_key="none")),
                  AnthropicModel("chat", provider=AnthropicProvider(base_url=base, api_key="none"))):
        plain = dict(model=model, retries=0, model_settings={"max_tokens": 64})
        use_agent(lambda: pydantic_ai.Agent(instructions="Be brief.", **plain).run_sync("Hi"))
        use_agent(lambda: pydantic_ai.Agent(tools=[get_weather], **plain).run_sync("Hi"))
        for output in (Place, pydantic_ai.NativeOutput(Place), pydantic_ai.PromptedOutput(Place)):
            use_agent(lambda output=output: pydantic_ai.Agent(output_type=output, **plain).run_sync("Hi"))
        use_agent(lambda: asyncio.run(stream(pydantic_ai.Agent(tools=[get_weather], **plain))))


def of_openai_agents(base):
    import asyncio
    import agents
    import openai
    import pydantic

    class Place(pydantic.BaseModel):
        city: str

    async def stream(agent):
        async for _ in agents.Runner.run_streamed(agent, "Hi", max_turns=1).stream_events():
            pass

    async def all_of():
        client = openai.AsyncOpenAI(base_url=base + "/v1", api_key="none", max_retries=0)
        tool = agents.function_tool(get_weather)
        other = agents.Agent("other", instructions="Be brief.")
        for model in (agents.OpenAIChatCompletionsModel("chat", client), agents.OpenAIResponsesModel("chat", client)):
            for more in ({}, {"tools": [tool]}, {"handoffs": [other]}, {"output_type": Place},
                         {"tools": [tool], "model_settings": agents.ModelSettings(
                             tool_choice="required", parallel_tool_calls=False, temperature=0.1, max_tokens=64,
                             reasoning={"effort": "low"}, verbosity="low", store=False, include_usage=True)}):
                agent = agents.Agent("one", instructions="Be brief.", model=model, **more)
                for go in (agents.Runner.run(agent, "Hi", max_turns=1), stream(agent)):
                    try:
                        await go
                    except agents.AgentsException as error:
                        print("# the agent gave up: %.100s" % error)
    agents.set_tracing_disabled(True)
    asyncio.run(all_of())


def of_llama_index(base):
    import pydantic
    from llama_index.core.llms import ChatMessage
    from llama_index.core.tools import FunctionTool
    from llama_index.llms.ollama import Ollama
    from llama_index.llms.openai_like import OpenAILike

    class Place(pydantic.BaseModel):
        """A place."""
        city: str
    tool = FunctionTool.from_defaults(get_weather)
    asked = [ChatMessage(role="user", content="Hi")]
    for model in (Ollama("chat", base_url=base, context_window=4096, request_timeout=60, additional_kwargs={"num_predict": 64}),
                  OpenAILike("chat", api_base=base + "/v1", api_key="none", is_chat_model=True, is_function_calling_model=True,
                             should_use_structured_outputs=True, max_tokens=64),
                  OpenAILike("chat", api_base=base + "/v1", api_key="none", max_tokens=64)):
        model.complete("Hi")
        list(model.stream_complete("Hi"))
        model.chat(asked)
        list(model.stream_chat(asked))
        if model.metadata.is_function_calling_model:
            use_agent(lambda model=model: model.chat_with_tools([tool], "Hi", tool_required=True))
            use_agent(lambda model=model: list(model.stream_chat_with_tools([tool], "Hi")))
            use_agent(lambda model=model: model.as_structured_llm(Place).complete("Hi"))
            use_agent(lambda model=model: list(model.as_structured_llm(Place).stream_complete("Hi")))


def of_haystack_ai(base):
    from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator
    from haystack.dataclasses import ChatMessage
    from haystack.tools import create_tool_from_function
    from haystack.utils import Secret
    from haystack_integrations.components.embedders.ollama import OllamaTextEmbedder
    from haystack_integrations.components.generators.ollama import OllamaChatGenerator
    tool, asked, key = create_tool_from_function(get_weather), [ChatMessage.from_user("Hi")], Secret.from_token("none")
    for more in ({}, {"tools": [tool]}, {"streaming_callback": lambda chunk: None},
                 {"tools": [tool], "streaming_callback": lambda chunk: None}):
        OpenAIChatGenerator(api_key=key, model="chat", api_base_url=base + "/v1", max_retries=0,
                            generation_kwargs={"max_completion_tokens": 64}, **more).run(asked)
        OpenAIResponsesChatGenerator(api_key=key, model="chat", api_base_url=base + "/v1", max_retries=0, **more).run(asked)
        OllamaChatGenerator("chat", base, generation_kwargs={"num_predict": 64, "temperature": 0.9}, **more).run(asked)
    OllamaChatGenerator("chat", base, response_format=PARAMETERS).run(asked)
    OllamaTextEmbedder("chat", base).run("Hi")


def of_aider_chat(base):
    run = [os.path.join(os.path.dirname(sys.executable), "aider"), "--yes-always", "--no-git", "--no-check-update",
           "--no-show-model-warnings", "--analytics-disable", "--message", "Hi", "--timeout", "60"]
    folder = os.path.join(serve.hob.TEMP, "aider")
    os.makedirs(folder)
    for model, env in (("openai/chat", {"OPENAI_API_BASE": base + "/v1", "OPENAI_API_KEY": "none"}),
                       ("ollama_chat/chat", {"OLLAMA_API_BASE": base}),
                       ("anthropic/chat", {"ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": "none"})):
        for more in ([], ["--no-stream"], ["--edit-format", "diff"], ["--architect"]):
            subprocess.run(run + ["--model", model, *more], check=True, cwd=folder, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, env=dict(os.environ, HOME=folder, **env))


def of_dspy(base):
    import dspy
    for model, more in (("openai/chat", {"api_base": base + "/v1"}), ("ollama_chat/chat", {"api_base": base + "/v1"}),
                        ("openai/chat", {"api_base": base + "/v1", "model_type": "responses"})):
        lm = dspy.LM(model, api_key="none", cache=False, max_tokens=64, num_retries=0, **more)
        for adapter in (dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.ChatAdapter(use_native_function_calling=True)):
            with dspy.context(lm=lm, adapter=adapter):
                use_agent(lambda: dspy.ChainOfThought("question -> answer: str, sure: bool")(question="Hi"))
                use_agent(lambda: dspy.ReAct("question -> answer", tools=[get_weather], max_iters=1)(question="Hi"))


def of_autogen_ext(base):
    import asyncio
    from openai import LengthFinishReasonError
    import pydantic
    from autogen_core.models import ModelFamily, SystemMessage, UserMessage
    from autogen_core.tools import FunctionTool
    from autogen_ext.models.ollama import OllamaChatCompletionClient
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    class Place(pydantic.BaseModel):
        city: str
    info = {"vision": False, "function_calling": True, "json_output": True, "structured_output": True,
            "family": ModelFamily.UNKNOWN}
    asked = [SystemMessage(content="Be brief."), UserMessage(content="Hi", source="user")]
    tool = FunctionTool(get_weather, "The weather of a city.")

    async def all_of():
        for client in (OpenAIChatCompletionClient(model="chat", base_url=base + "/v1", api_key="none", model_info=info, max_tokens=64),
                       OllamaChatCompletionClient(model="chat", host=base, model_info=info, options={"num_predict": 64})):
            for more in ({}, {"tools": [tool]}, {"json_output": True}, {"json_output": Place}):
                for stream in (False, True):
                    try:
                        if stream:
                            async for _ in client.create_stream(asked, **more):
                                pass
                        else:
                            await client.create(asked, **more)
                    except LengthFinishReasonError:
                        pass
    asyncio.run(all_of())


def of_google_adk(base):
    import asyncio
    from google.adk.agents import LlmAgent
    from google.adk.agents.run_config import RunConfig, StreamingMode
    from google.adk.models.lite_llm import LiteLlm
    from google.adk.runners import InMemoryRunner
    from google.genai import types
    import pydantic

    class Place(pydantic.BaseModel):
        city: str

    async def all_of():
        for model in (LiteLlm("openai/chat", api_base=base + "/v1", api_key="none"), LiteLlm("ollama_chat/chat", api_base=base),
                      LiteLlm("anthropic/chat", api_base=base, api_key="none")):
            for more in ({}, {"tools": [get_weather]}, {"output_schema": Place}):
                for mode in (StreamingMode.NONE, StreamingMode.SSE):
                    agent = LlmAgent(name="one", model=model, instruction="Be brief.", generate_content_config=
                                     types.GenerateContentConfig(max_output_tokens=64, temperature=0.5), **more)
                    runner = InMemoryRunner(agent, app_name="app")
                    session = await runner.session_service.create_session(app_name="app", user_id="me")
                    try:
                        async for _ in runner.run_async(
                                user_id="me", session_id=session.id, run_config=RunConfig(streaming_mode=mode, max_llm_calls=1),
                                new_message=types.Content(role="user", parts=[types.Part(text="Hi")])):
                            pass
                    except Exception as error:  # pylint: disable=broad-except
                        print("# the agent gave up: %.150s" % error)
    asyncio.run(all_of())


def of_crewai(base):
    import crewai
    from crewai.tools import tool
    import pydantic

    class Place(pydantic.BaseModel):
        city: str
    for model, where in (("openai/chat", base + "/v1"), ("ollama/chat", base)):
        for more in ({}, {"stream": True}):
            llm = crewai.LLM(model=model, base_url=where, api_key="none", max_tokens=64, **more)
            use_agent(lambda llm=llm: llm.call("Hi"))
            for task in ({}, {"output_pydantic": Place}):
                agent = crewai.Agent(role="one", goal="Be brief", backstory="None", llm=llm, max_iter=1,
                                     tools=[tool("get_weather")(get_weather)], max_retry_limit=0)
                use_agent(lambda agent=agent, task=task: crewai.Crew(agents=[agent], tasks=[crewai.Task(
                    description="Hi", expected_output="a word", agent=agent, **task)]).kickoff())


def of_claude_code(base):
    """The program, as claude-agent-sdk brings it."""
    import claude_agent_sdk
    program = os.path.join(os.path.dirname(claude_agent_sdk.__file__), "_bundled", "claude")
    folder = os.path.join(serve.hob.TEMP, "claude")
    os.makedirs(folder)
    env = dict(os.environ, HOME=folder, ANTHROPIC_BASE_URL=base, ANTHROPIC_AUTH_TOKEN="none", IS_SANDBOX="1",
               CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", ANTHROPIC_DEFAULT_HAIKU_MODEL="chat",
               CLAUDE_CODE_MAX_OUTPUT_TOKENS="64")
    for more in ([], ["--output-format", "stream-json", "--verbose"],
                 ["--tools", "Read", "--json-schema", json.dumps(PARAMETERS), "--output-format", "json"]):
        subprocess.run([program, "-p", "Hi", "--model", "chat", "--max-turns", "1", *more], env=env, cwd=folder,
                       stdin=subprocess.DEVNULL, check=False, timeout=300)


def of_open_webui(base):
    """The program itself, asked as its page asks it: a model of the one kind and of the other, tasks, embeddings."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        page = free.getsockname()[1]
    folder = os.path.join(serve.hob.TEMP, "webui")
    env = dict(os.environ, DATA_DIR=folder, WEBUI_AUTH="False", OLLAMA_BASE_URL=base, OPENAI_API_BASE_URL=base + "/v1",
               OPENAI_API_KEY="none", OFFLINE_MODE="true", RAG_EMBEDDING_ENGINE="ollama", RAG_EMBEDDING_MODEL="chat",
               RAG_OLLAMA_BASE_URL=base, ENABLE_VERSION_UPDATE_CHECK="False", WEBUI_SECRET_KEY="x", HOME=folder)
    os.makedirs(folder)
    headers = {"Content-Type": "application/json"}

    def ask(path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", page, timeout=120)
        connection.request("POST" if body is not None else "GET", path, body and json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read()
        assert response.status == 200, (path, response.status, text)
        return text
    program = subprocess.Popen([os.path.join(os.path.dirname(sys.executable), "open-webui"), "serve", "--host", "127.0.0.1",
                                "--port", str(page)], env=env, cwd=folder, stdout=sys.stderr)
    try:
        serve.wait_for(lambda: subprocess.run(["curl", "-sf", "-o", os.devnull, "http://127.0.0.1:%d/health" % page],
                                              check=False).returncode == 0, 240)
        headers["Authorization"] = "Bearer " + json.loads(ask("/api/v1/auths/signin", {"email": "", "password": ""}))["token"]
        models = {m["id"]: m for m in json.loads(ask("/api/models"))["data"]}
        print("# models: %s" % {name: m["owned_by"] for name, m in models.items()})
        for name in models:
            body = {"model": name, "messages": ASKED}
            for more in ({}, {"stream": True}, {"stream": True, "tools": [TOOL], "params": {"function_calling": "native"}},
                         {"stream": False, "tools": [TOOL], "temperature": 0.5, "max_tokens": 9, "seed": 1}):
                ask("/api/chat/completions", dict(body, **more))
            for task in ("title", "tags", "follow_up"):
                ask("/api/v1/tasks/%s/completions" % task, body)
        ask("/ollama/api/tags")
        ask("/ollama/api/ps")
        ask("/ollama/api/chat", {"model": "chat:latest", "messages": ASKED, "options": {"num_predict": 9}})
        ask("/ollama/api/generate", {"model": "chat:latest", "prompt": "Hi", "options": {"num_predict": 9}})
        ask("/ollama/api/embed", {"model": "chat:latest", "input": "Hi"})
        ask("/ollama/v1/chat/completions", {"model": "chat:latest", "messages": ASKED})
        ask("/api/v1/retrieval/process/text", {"name": "one", "content": "Rome is a city.", "collection_name": "one"})
    finally:
        program.terminate()
        program.wait()


CLIENTS = {name[3:].replace("_", "-"): function for name, function in globals().items() if name.startswith("of_")}

PACKAGES = {"llama-index": "llama-index-llms-openai-like", "claude-code": "claude-agent-sdk"}  # where the name is not that of the package


N_TOOLS = 6  # of more in a request the shortest are kept


def shorter(value, name=None):
    """The same, without the most of long texts and of many tools: it is their form that matters, and the words are their
    authors'. `name` is that of the member."""
    if isinstance(value, dict):
        return {key: shorter(member, key) for key, member in value.items()}
    if isinstance(value, list):
        if name == "tools" and len(value) > N_TOOLS:
            tools = [shorter(tool) for tool in value]
            short = sorted(tools, key=lambda tool: len(json.dumps(tool)))[:N_TOOLS]
            return [tool for tool in tools if tool in short]
        return [shorter(member) for member in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r"[0-9a-f]{32,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "0" * 32, value)  # ids of this run
    value = value.replace(serve.hob.TEMP, "/home/me")
    most = 24 if name in ("description", "text", "content", "system") else 200
    return value[:most] + " ..." if len(value) > most + 40 else value


def record(name, base):
    requests.clear()
    CLIENTS[name](base)
    bad = [r for r in requests if r["status"] != 200]
    assert not bad, (name, bad)
    seen, kept = set(), []
    for request in requests:
        del request["status"], request["answer"]
        request = shorter(request)
        text = json.dumps(request, sort_keys=True)
        if text not in seen:
            seen.add(text)
            kept.append(request)
    package = PACKAGES.get(name, name)
    version = "%s %s" % (package, importlib.metadata.version(package))
    with open(os.path.join(OUT, name + ".json"), "w", encoding="utf-8") as file:
        file.write('{"client": "%s", "requests": [\n' % (version if package == name else "%s (%s)" % (name, version)))
        file.write(",\n".join(json.dumps(request, ensure_ascii=False) for request in kept) + "\n]}\n")
    print("%s: %d requests" % (name, len(kept)))


def main():
    global port
    os.makedirs(OUT, exist_ok=True)
    with serve.Server("--ctx", "200000", "--parallel", "2") as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\nPARAMETER num_predict 100\n' % (serve.TINY, serve.CHAT))
        port = server.port
        recorder = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        for name in sys.argv[1:] or CLIENTS:
            record(name, "http://127.0.0.1:%d" % recorder.server_port)
        recorder.shutdown()


if __name__ == "__main__":
    main()
