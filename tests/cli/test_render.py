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
        with open(os.path.join(path, each), "w", encoding="utf-8") as file:
            file.write(text)
    return hob.run("render", path, "--messages", write("m.json", ONE))[1].decode()


def test_which_template():
    several = [{"name": "rag", "template": "rag"}, {"name": "default", "template": "default {{ bos_token }}"}]
    assert folder("string", {"chat_template": "one {{ bos_token }} {{ eos_token }}"}, {}) == \
        "one <|endoftext|> <|im_end|>"
    assert folder("list", {"chat_template": several}, {}) == "default <|endoftext|>"
    assert folder("first", {"chat_template": several[:1]}, {}) == "rag"
    assert folder("file", {"chat_template": several}, {"chat_template.jinja": "file"}) == "file"
    assert folder("json", {}, {"chat_template.json": json.dumps({"chat_template": "json"})}) == "json"
    token = {"__type": "AddedToken", "content": "<|im_end|>", "lstrip": False, "special": True}
    assert folder("dict", {"chat_template": "{{ bos_token }}", "bos_token": token}, {}) == "<|im_end|>"


if __name__ == "__main__":
    hob.main([(name[5:].replace("_", " "), function) for name, function in sorted(globals().items())
              if name.startswith("test_")])
