# SPDX-License-Identifier: Apache-2.0
"""hob parse: what published templates make of a reply comes apart into the reply again; options and errors."""
import itertools
import json
import os

import hob

TEMPLATES = os.path.join(hob.GOLDENS, "templates", "published")
EOS = "<END>"
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": {
        "type": "object", "required": ["city"], "properties": {
            "city": {"type": "string", "description": "a"}, "days": {"type": "integer", "description": "b"},
            "metric": {"type": "boolean", "description": "c"}}}}},
    {"type": "function", "function": {"name": "search", "description": "Finds", "parameters": {
        "type": "object", "properties": {
            "query": {"type": "string", "description": "d"}, "tags": {"type": "array", "description": "e"},
            "filter": {"type": "object", "description": "f"}, "score": {"type": "number", "description": "g"}}}}},
]
CALLS = [
    ("get_weather", {"city": "Paris"}),
    ("get_weather", {"city": "São Paulo \"SP\" \\ <b>\n2nd line", "days": 3, "metric": True}),
    ("search", {"query": "42", "tags": ["a", "b]c", "{d}"], "score": -0.5}),
    ("search", {"filter": {"deep": [{"x": 1}, False, None], "s": "it's"}, "query": " 'q' "}),
    ("search", {}),
]
# The formats of the published templates that can render calls or thinking, and what some of them cannot.
KNOWN = {
    "HuggingFaceTB-SmolLM3-3B": "smollm3",
    "Mistral-Small-3.2-24B-Instruct-2506": "mistral-args",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": "hermes",
    "Qwen-Qwen2.5-7B-Instruct": "hermes",
    "Qwen-Qwen3-0.6B": "hermes",
    "Qwen3.5-4B": "qwen-coder",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "deepseek-v3",
    "deepseek-ai-DeepSeek-V3.1": "deepseek-v3.1",
    "google-gemma-4-31B-it": "gemma4",
    "meta-llama-Llama-3.1-8B-Instruct": "llama3",
    "meta-llama-Llama-3.2-3B-Instruct": "llama3",
    "mistralai-Mistral-Nemo-Instruct-2407": "mistral",
    "openai-gpt-oss-120b": "gpt-oss",
}
PLAIN = {"google-gemma-2-2b-it": "plain", "microsoft-Phi-3.5-mini-instruct": "plain"}
THINKS = ("Qwen-Qwen3-0.6B", "Qwen3.5-4B", "openai-gpt-oss-120b")
TEXT_AND_CALLS = ("Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B", "Qwen3.5-4B", "deepseek-ai-DeepSeek-V3.1")
ONE_CALL = ("meta-llama-Llama-3.1-8B-Instruct", "meta-llama-Llama-3.2-3B-Instruct", "openai-gpt-oss-120b")
# Where the model's turn starts, for templates whose prompt goes on in a way that their past turns do not.
TURN = {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "<\uff5cAssistant\uff5c>", "google-gemma-4-31B-it": "<|turn>model\n"}
NO_CALLS = ("HuggingFaceTB-SmolLM3-3B",)


def write(name, data):
    path = os.path.join(hob.TEMP, name)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def render(path, messages, generation):
    file = write("messages.json", {"messages": messages, "tools": TOOLS, "add_generation_prompt": generation,
                                   "bos_token": "", "eos_token": EOS})
    return hob.run("render", "--template", path, "--messages", file)[1]


def parse(path, reply, *more):
    return json.loads(hob.run("parse", "--template", path, *more, stdin=reply)[1])


def message(name, text, thinking, calls):
    made = {"role": "assistant", "content": text or (None if "R1" in name else "")}
    if thinking:
        made["thinking" if "gpt-oss" in name else "reasoning_content"] = thinking
    if calls:
        made["tool_calls"] = [{"type": "function", "id": "call%05d" % i, "function": {"name": n, "arguments": a}}
                              for i, (n, a) in enumerate(calls)]
    return made


def cases(name):
    texts = [""] if name in NO_CALLS else ["", "Let me see.\n\n* one"]
    for n in range(0 if name not in NO_CALLS else 0, 3):
        if (n and name in NO_CALLS) or (n > 1 and name in ONE_CALL):
            continue
        for calls in itertools.permutations(CALLS, n):
            for text in texts:
                for thinking in ("", "I think.\n\nSo I am.") if name in THINKS else ("",):
                    if (text and calls and name not in TEXT_AND_CALLS) or not (text or calls):
                        continue
                    if "gpt-oss" in name and not calls:  # it drops the thoughts of answers
                        continue
                    yield text, thinking, calls


def check_template(name):
    path = os.path.join(TEMPLATES, name + ".jinja")
    tools = write("tools.json", TOOLS)
    asked = [{"role": "user", "content": "Go."}]
    prompt = render(path, asked, True)
    prompt_file = write("prompt.txt", prompt)
    n = 0
    for text, thinking, calls in cases(name):
        whole = render(path, asked + [message(name, text, thinking, calls)], False)
        start = len(os.path.commonprefix([prompt, whole]))
        if name in TURN:
            start = whole.index(TURN[name].encode()) + len(TURN[name].encode())
        reply = whole[start:].replace(EOS.encode(), b"")
        given = ("--prompt", prompt_file) if start == len(prompt) else ()
        got = parse(path, reply, "--tools", tools, *given)
        want = {"content": text, "thinking": thinking, "tool_calls": [{"name": c, "arguments": a} for c, a in calls]}
        for call in got["tool_calls"]:
            call.pop("id", None)
        assert got == want, "%s\n%r\nwant %s\nfound %s" % (name, reply, want, got)
        n += 1
    assert n or name in NO_CALLS


def template_test(name):
    return lambda: check_template(name)


def test_formats():
    """hob inspect tells the format that is found from a template."""
    model = os.path.join(hob.MODELS, "tiny-qwen3-odd.gguf")
    for name, want in dict(KNOWN, **PLAIN).items():
        chat = hob.run_json("inspect", model, "--template", os.path.join(TEMPLATES, name + ".jinja"))["chat"]
        assert chat["reply_format"] == want, (name, chat["reply_format"])


for each in KNOWN:
    globals()["test_" + each] = template_test(each)


def test_options():
    path = os.path.join(TEMPLATES, "Qwen3.5-4B.jinja")
    reply = b"Hm.\n</think>\n\n<tool_call>\n<function=f>\n<parameter=x>\n5\n</parameter>\n</function>\n</tool_call><|im_end|>\n"
    said = {"content": "", "thinking": "Hm.", "tool_calls": [{"name": "f", "arguments": {"x": 5}}]}
    assert parse(path, reply) == said
    tools = [{"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}}]
    said["tool_calls"][0]["arguments"]["x"] = "5"
    assert parse(path, reply, "--tools", write("t.json", tools)) == said
    assert parse(path, reply, "--tools", write("t.json", {"tools": tools})) == said
    assert parse(path, b"Hm.", "--prompt", write("p.txt", b"<think>\n"))["thinking"] == "Hm."
    assert parse(path, b"Hm.")["content"] == "Hm."
    assert parse(path, b"") == {"content": "", "thinking": "", "tool_calls": []}
    cut = parse(path, b'<tool_call>\n<function=f>\n<parameter=x>\n"a')["tool_calls"]
    assert cut == [{"name": "f", "arguments": '{"x": ', "cut": True}], cut
    tiny = os.path.join(hob.MODELS, "tiny-qwen3-odd.gguf")
    assert json.loads(hob.run("parse", tiny, stdin=b"Hi <|im_end|>")[1])["content"] == "Hi "
    assert hob.run_json("inspect", tiny)["chat"]["reply_format"] == "plain"
    for words, code in ((("parse",), 2), (("parse", "--template", "/none"), 4),
                        (("parse", "--template", path, "--tools", write("b.json", b"{}")), 3),
                        (("parse", "--template", path, "--tools", write("b.json", b"[")), 3)):
        assert hob.run(*words, stdin=b"x", ok=None)[0] == code, words


if __name__ == "__main__":
    hob.main([(name[5:].replace("_", " "), function) for name, function in sorted(globals().items())
              if name.startswith("test_")])
