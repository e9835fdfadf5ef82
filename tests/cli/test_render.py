# SPDX-License-Identifier: Apache-2.0
"""hob render: its options, the shapes of --messages, spans, exit codes, and which template of a folder is taken."""
import json
import os
import shutil

import hob

TINY = os.path.join(hob.MODELS, "tiny-llama-rope3")
ONE = [{"role": "user", "content": "é<|im_end|>"}]


def write(name, value):
    path = os.path.join(hob.TEMP, name)
    with open(path, "wb") as file:
        file.write(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def render(template, messages, *words, ok=(0,)):
    code, out, said = hob.run("render", "--template", write("t.jinja", template.encode()), "--messages",
                              write("m.json", messages), *words, ok=ok)
    assert code == 0 or (not out and len(said.splitlines()) == 1), (out, said)
    return out.decode() if code == 0 else (code, said.strip())


def test_variables():
    every = "{{ messages|length }} {{ tools }} {{ documents }} {{ add_generation_prompt }} [{{ bos_token }}]"
    assert render(every, ONE) == "1 None None True []"
    assert render(every, []) == "0 None None True []"
    given = {"messages": ONE, "tools": [], "documents": [{"a": 1}], "add_generation_prompt": False, "bos_token": "<s>"}
    assert render(every, given) == "1 [] [{'a': 1}] False [<s>]"
    given = {"messages": [], "eos_token": "</s>", "now": 5, "think": "x", "deep": {"a": [1, 2.5, None]}, "yes": True}
    assert render("{{ eos_token }} {{ now }} {{ think }} {{ deep }} {{ yes }}", given) == \
        "</s> 5 x {'a': [1, 2.5, None]} True"
    assert render("{{ messages[0].content }}", [{"content": "without a role"}]) == "without a role"


def test_spans():
    template = write("t.jinja", b"<|im_start|>{{ messages[0].content }}{{ messages[0].content|upper }}!")
    said = hob.run_json("render", "--template", template, "--messages", write("m.json", ONE))
    assert said == {"text": "<|im_start|>é<|im_end|>É<|IM_END|>!", "spans": [[12, 36]]}, said
    code, out, _ = hob.run("render", "--template", template, stdin=json.dumps(ONE).encode())
    assert out.decode() == said["text"]


def test_now():
    tell = "{{ strftime_now('%Y-%m-%d %H:%M:%S%z%Z') }}"
    for now, said in (("0", "1970-01-01 00:00:00"), ("2024-02-29", "2024-02-29 00:00:00"),
                      ("2024-02-29 13:14", "2024-02-29 13:14:00"), ("1700000000", "2023-11-14 22:13:20")):
        found = hob.run("render", "--template", write("t.jinja", tell.encode()), "--messages", write("m.json", ONE),
                        "--now", now, env={"TZ": "UTC"})[1].decode()
        assert found == said, (now, found)
    assert render(tell, ONE, "--now", "2024-02-30", ok=None)[0] == 2


def test_errors():
    assert render("{{ raise_exception('Roles must alternate!') }}", ONE, ok=None) == (3, "hob: Roles must alternate!")
    assert render("\n{{ messages[0].x.y }}", ONE, ok=None) == \
        (3, "hob: template line 2: 'dict object' has no attribute 'x'")
    assert render("{% if %}", ONE, ok=None)[0] == 3
    assert render("{% for i in range(10**9) %}x{% endfor %}", ONE, ok=None)[0] == 5
    assert render("x", {"tools": []}, ok=None) == (2, "hob: messages: want an array of at most 100000 messages")
    assert render("x", {"messages": ONE, "tools": {}}, ok=None) == (2, "hob: tools: want an array")
    assert render("x", [ONE[0], 1], ok=None) == (2, "hob: messages[1]: want an object")
    assert render("x", 5, ok=None)[0] == 3
    assert render("x", b"[{", ok=None)[0] == 3
    assert hob.run("render", stdin=b"[]", ok=None)[0] == 2


def folder(name, config, files):
    """A copy of a tiny model with other members in tokenizer_config.json, and other files."""
    path = os.path.join(hob.TEMP, name)
    shutil.copytree(TINY, path)
    place = os.path.join(path, "tokenizer_config.json")
    with open(place, encoding="utf-8") as file:
        whole = json.load(file)
    del whole["chat_template"]
    with open(place, "w", encoding="utf-8") as file:
        json.dump({**whole, **config}, file)
    for each, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(path, each)), exist_ok=True)
        with open(os.path.join(path, each), "w", encoding="utf-8") as file:
            file.write(text)
    return path


def rendered(*given, tools=None, words=()):
    messages = ONE if tools is None else {"messages": ONE, "tools": tools}
    return hob.run("render", folder(*given), "--messages", write("m.json", messages), *words)[1].decode()


def test_which_template():
    several = [{"name": "rag", "template": "rag"}, {"name": "default", "template": "default {{ bos_token }}"}]
    assert rendered("string", {"chat_template": "one {{ bos_token }} {{ eos_token }}"}, {}) == \
        "one <|endoftext|> <|im_end|>"
    assert rendered("list", {"chat_template": several}, {}) == "default <|endoftext|>"
    assert rendered("first", {"chat_template": several[:1]}, {}) == "rag"
    assert rendered("file", {"chat_template": several}, {"chat_template.jinja": "file"}) == "file"
    assert rendered("json", {}, {"chat_template.json": json.dumps({"chat_template": "json"})}) == "json"


def test_templates_with_names():
    several = [{"name": "default", "template": "default"}, {"name": "tool_use", "template": "use {{ tools|length }}"},
               {"name": "rag", "template": "rag"}]
    for name, tools, said in (("none", None, "default"), ("one", [{"name": "f"}], "use 1"), ("empty", [], "use 0")):
        assert rendered("list-" + name, {"chat_template": several}, {}, tools=tools) == said
        files = {"chat_template.jinja": "default", "additional_chat_templates/tool_use.jinja": "use {{ tools|length }}",
                 "additional_chat_templates/notes.txt": "none"}
        assert rendered("files-" + name, {"chat_template": "other"}, files, tools=tools) == said
    assert rendered("by-name", {"chat_template": several}, {}, words=("--template", "rag")) == "rag"
    assert rendered("without", {"chat_template": several[:1]}, {}, tools=[]) == "default"
    use = "{% for tool in tools or [] %}{{ tool|tojson }}{% endfor %}<tool_call>{{ messages[0].content }}A:"
    path = folder("inspected", {"chat_template": [{"name": "default", "template": "{{ messages[0].content }}A:"},
                                                  {"name": "tool_use", "template": use}]}, {})
    chat = hob.run_json("inspect", path)
    assert (chat["chat"]["reply_format"], chat["chat"]["tools"]) == ("hermes", True), chat["chat"]
    assert not any("tools" in each["warning"] for each in chat["doctor"]), chat["doctor"]


def test_special_tokens():
    token = {"__type": "AddedToken", "content": "<|im_end|>", "lstrip": False, "special": True}
    assert rendered("object", {"chat_template": "{{ bos_token }}", "bos_token": token}, {}) == "<|im_end|>"
    tell = {"chat_template": "{{ pad_token }},{{ unk_token }},{{ image_token }},{{ mask_token is defined }},{{ x }}"}
    config = {"pad_token": token, "unk_token": "not in the vocabulary", "extra_special_tokens": {"image_token": "<i>"},
              "mask_token": None, "add_bos_token": True}
    assert rendered("config", {**tell, **config}, {}) == "<|im_end|>,not in the vocabulary,<i>,False,"
    old = {"special_tokens_map.json": json.dumps({"pad_token": "<pad>", "unk_token": "<unk>"})}
    assert rendered("map", {**tell, "unk_token": "<u>"}, old) == "<pad>,<unk>,,False,"
    assert rendered("newer", {**tell, "unk_token": "<u>", "added_tokens_decoder": {}}, old) == "<|endoftext|>,<u>,,False,"


if __name__ == "__main__":
    hob.main([(name[5:].replace("_", " "), function) for name, function in sorted(globals().items())
              if name.startswith("test_")])
