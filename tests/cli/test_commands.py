#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What each command does with its options, on tiny models."""
import array
import base64
import json
import os
import shutil
import struct

import hob

FOLDER = os.path.join(hob.MODELS, "tiny-llama-rope3")
TINY = FOLDER + ".gguf"
IDS = "1,2,3,4,5"


def path(name, text=None):
    where = os.path.join(hob.TEMP, name)
    if text is not None:
        with open(where, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
    return where


def refuses(*words, code=2, says="", stdin=b""):
    said = hob.run(*words, ok=(code,), stdin=stdin)[2]
    assert said.startswith("hob: ") and says in said, said


# ------------------------------------------------------------------ generate

def generate():
    reply = hob.run_json("generate", TINY, "--tokens", IDS, "-n", 9, "--temp", 0, "--ignore-eos")
    assert len(reply["tokens"]) == 9 and reply["prompt_tokens"] == 5 and reply["finish_reason"] == "length"
    assert reply["stop"] is None and "id" not in reply and "thinking" not in reply
    timings = reply["timings"]
    assert timings["prefill_tokens"] == 5 and timings["cached_tokens"] == 0 and timings["decode_tokens"] == 8
    receipt = reply["receipt"]
    assert receipt["prompt_tokens"] == [1, 2, 3, 4, 5] and receipt["seed"] == receipt["options"]["seed"]
    assert set(receipt) >= {"hob", "model_sha256", "options", "reply_sha256", "logits_sha256", "device", "now"}
    # Text, standard input and a file are the same prompt; a newline at the end of standard input is the shell's.
    want = hob.run_json("generate", TINY, "The hob", "-n", 5, "--temp", 0)["receipt"]["prompt_tokens"]
    for words, stdin in ((["generate", TINY], b"The hob"), (["generate", TINY], b"The hob\n"),
                         (["generate", TINY, "--file", path("prompt", "The hob")], b"")):
        assert hob.run_json(*words, "-n", 5, "--temp", 0, stdin=stdin)["receipt"]["prompt_tokens"] == want
    exact = hob.run_json("generate", TINY, "--file", path("prompt", "The hob\n"), "-n", 1)
    assert len(exact["receipt"]["prompt_tokens"]) == len(want) + 1
    refuses("generate", TINY, "Hi", "--tokens", "1", says="one of")
    refuses("generate", TINY, "--tokens", "1,x", says="want whole numbers")
    refuses("bench", TINY, "-p", "x", says="--prefill")
    refuses("generate", TINY, "--tokens", "320", says="320")
    refuses("generate", TINY, "--temp", "-1", "Hi", says="temp")
    refuses("generate", TINY, "Hi", "--tmp", "1", says="--temp")
    refuses("generate", TINY, "--file", path("latin", b"\xe9"), says="UTF-8", code=3)
    refuses("generate", TINY, "Hi", "--logprobs", 3, says="--json")
    refuses("generate", TINY, "Hi", "--mirostat", 1, says="mirostat")
    refuses("generate", TINY, "Hi", "--regex", "[", code=3, says="class")


def stops():
    free = hob.run_json("generate", TINY, "The hob", "-n", 60, "--temp", 0, "--ignore-eos")
    text = free["text"]
    for start in range(len(text)):
        stop = text[start:start + 3]
        if len(stop) == 3 and stop.isascii() and text.find(stop) == start and stop.isprintable():
            break
    reply = hob.run_json("generate", TINY, "The hob", "-n", 60, "--temp", 0, "--ignore-eos", "--stop", stop, "--stop",
                         "no such text")
    assert reply["text"] == text[:start] and reply["stop"] == stop and reply["finish_reason"] == "stop", reply
    # As text the bytes are those of the model, which need not be UTF-8.
    out = hob.run("generate", TINY, "The hob", "-n", 60, "--temp", 0, "--ignore-eos", "--stop", stop)[1]
    assert bytes(c for c in out if c < 128).rstrip(b"\n") == text[:start].encode("ascii", "ignore").rstrip(b"\n")


def logprobs():
    reply = hob.run_json("generate", TINY, "--tokens", IDS, "-n", 6, "--temp", 0, "--logprobs", 3, "--ignore-eos")
    assert len(reply["logprobs"]) == len(reply["tokens"]) == 6
    for entry, token in zip(reply["logprobs"], reply["tokens"]):
        values = [e["logprob"] for e in entry["top"]]
        assert entry["id"] == token == entry["top"][0]["id"] and entry["logprob"] == values[0]
        assert len(values) == 3 and values == sorted(values, reverse=True) and values[0] < 0


def ids_only():
    """A model without a tokenizer takes ids and gives ids."""
    bare = os.path.join(hob.MODELS, "tiny-llama-bias")
    reply = hob.run_json("generate", bare, "--tokens", IDS, "-n", 4, "--temp", 0)
    assert "text" not in reply and len(reply["tokens"]) == 4
    out = hob.run("generate", bare, "--tokens", IDS, "-n", 4, "--temp", 0)[1]
    assert out.decode().strip() == hob.ids_text(reply["tokens"])
    refuses("generate", bare, "Hi", code=3, says="tokenizer")


def full_context():
    said = hob.run("generate", TINY, "Hi", "--ctx", 32, "--ignore-eos")[2]
    assert "context of 32 tokens is full" in said, said
    refuses("generate", TINY, "--tokens", hob.ids_text([1] * 33), "--ctx", 32, code=5, says="33")


# --------------------------------------------------------------------- batch

def batch():
    lines = [
        {"id": 1, "prompt": "The hob", "max_tokens": 5, "temp": 0},
        "{not json",
        {"id": "b", "tokens": [1, 2, 3], "max_tokens": 7, "seed": 18446744073709551615 >> 12},
        "",
        {"id": None, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3},
        {"id": [3], "prompt": "x", "nothing": 1},
        {"prompt": "x", "max_tokens": 2},
        {"id": 9, "tokens": [999], "max_tokens": 2},
        {"id": 10, "prompt": "x", "threads": 1},
    ]
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    source, out = path("in.jsonl", text), path("out.jsonl")
    said = hob.run("batch", TINY, source, "-o", out, "--parallel", 2, ok=(3,))[2]
    assert "line 2" in said, said
    with open(out, encoding="utf-8") as file:
        whole = file.read()
    replies = [json.loads(line) for line in whole.splitlines()]
    assert [r.get("id", "none") for r in replies] == [1, "none", "b", None, [3], "none", 9, 10]
    assert [r["error"]["status"] if "error" in r else 0 for r in replies] == [0, 3, 0, 0, 2, 0, 2, 2]
    assert replies[1]["error"]["line"] == 2 and replies[4]["error"]["line"] == 6
    assert all("receipt" in r for r in replies if "error" not in r)
    # Continued after any cut, also within a line and within a character; the code tells of the first error again.
    for size in (0, 1, 500, whole.index("\n") + 1, len(whole) // 2, len(whole) - 1, len(whole)):
        with open(out, "wb") as file:
            file.write(whole.encode()[:size])
        hob.run("batch", TINY, source, "-o", out, ok=(3,))
        with open(out, encoding="utf-8") as file:
            again = [json.loads(line) for line in file]
        assert len(again) == len(replies)
        for a, b in zip(again, replies):
            assert a.get("id", "none") == b.get("id", "none") and ("error" in a) == ("error" in b)
        assert again[0]["tokens"] == replies[0]["tokens"] and again[2]["tokens"] == replies[2]["tokens"]
    # Not continued: another input, the input itself, what is no output.
    refuses("batch", TINY, path("other.jsonl", '{"id": 2, "prompt": "x"}\n'), "-o", out, says="not the reply")
    refuses("batch", TINY, source, "-o", source, says="input as well")
    refuses("batch", TINY, source, "-o", path("text", "hello\n"), code=3, says="not the output")
    # Standard input to standard output; no requests are no error.
    out = hob.run("batch", TINY, "-", "-n", 2, stdin=b'{"id": 7, "prompt": "a"}')[1]
    assert json.loads(out)["id"] == 7 and len(json.loads(out)["tokens"]) <= 2
    assert hob.run("batch", TINY, "-", stdin=b"\n\n")[1] == b""


# ------------------------------------------------------------- what is read

def lossy_folder():
    """A model whose byte-level vocabulary has no token for the byte 4."""
    folder = path("lossy")
    if not os.path.exists(folder):
        shutil.copytree(FOLDER, folder)
        with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
            tokenizer = json.load(file)
        vocabulary = tokenizer["model"]["vocab"]
        vocabulary["none"] = vocabulary.pop("\u0104")  # what the byte alphabet writes for 4
        with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as file:
            json.dump(tokenizer, file)
    return folder


def lost_bytes():
    """What has no token is refused in a request; what shows the publisher's tokens leaves it out and says so."""
    model, text = lossy_folder(), b"a\x04b"
    _, out, said = hob.run("tokenize", model, "--json", stdin=b"ab\x04")
    assert out == hob.run("tokenize", model, "--json", stdin=b"ab")[1] and said.startswith("hob: 1 byte"), said
    assert "2 bytes" in hob.run("tokenize", model, "--lines", stdin=text + b"\n" + text)[2]
    assert "1 byte" in hob.run("logits", model, "--text", text.decode())[2]
    refuses("generate", model, stdin=text, code=3, says="0x04")
    refuses("run", model, stdin=text, code=3, says="0x04")
    hob.run("generate", TINY, "-n", 1, stdin=text)
    lines = b'{"id": 1, "prompt": "a\\u0004b"}\n{"id": 2, "prompt": "ab", "max_tokens": 1}\n'
    _, out, said = hob.run("batch", model, "-", stdin=lines, ok=(3,))
    first, second = map(json.loads, out.splitlines())
    assert first["error"] == {"status": 3, "message": first["error"]["message"], "line": 1} and "tokens" in second
    assert said.startswith("hob: line 1: ") and "0x04" in first["error"]["message"], said


def standard_input():
    """A file may be a pipe, standard input is one thing only, and text is UTF-8."""
    plain = path("plain.jinja", "{% for m in messages %}{{ m.content }}{% endfor %}")
    messages = path("m.json", '[{"role": "user", "content": "Hi"}]')
    want = hob.run_json("run", TINY, "Hi", "--template", plain, "-n", 1)["receipt"]["prompt_tokens"]
    pipe = path("pipe")
    os.mkfifo(pipe)
    for source, words in ((messages, ("--messages", pipe, "--template", plain)), (plain, ("--template", pipe, "Hi"))):
        writer = os.fork()
        if writer == 0:
            with open(source, "rb") as text, open(pipe, "wb") as to:
                to.write(text.read())
            os._exit(0)
        assert hob.run_json("run", TINY, "-n", 1, *words)["receipt"]["prompt_tokens"] == want
        os.waitpid(writer, 0)
    assert hob.run_json("tokenize", TINY, "--file", "/dev/null") == []
    with open(messages, "rb") as file:
        data = file.read()
    refuses("run", TINY, "--messages", "-", "--tools", "-", stdin=data, says="standard input")
    refuses("render", TINY, "--template", "-", stdin=data, says="standard input")
    refuses("generate", TINY, "--schema", "-", stdin=b"{}", says="standard input")
    refuses("batch", TINY, path("in.jsonl", "{}\n"), "--schema", "-", stdin=b"{}", says="standard input")
    reply = hob.run_json("run", TINY, "Hi", "--schema", "-", "-n", 4, stdin=b'{"type": "integer"}')
    assert reply["receipt"]["constraint"]["schema"] == {"type": "integer"}, reply["receipt"]
    refuses("run", TINY, stdin=b"a\xffb", code=3, says="UTF-8")
    refuses("run", TINY, "Hi", "--system", b"\xff".decode("utf-8", "surrogateescape"), says="UTF-8")
    folder = path("folder")
    shutil.copytree(FOLDER, folder)
    os.unlink(os.path.join(folder, "config.json"))
    os.mkfifo(os.path.join(folder, "config.json"))
    refuses("inspect", folder, code=3, says="config.json: is not a regular file")


def honoured_or_refused():
    bare = path("bare.jinja", "{{ messages[0].content }}")
    tools = path("tools.json", '[{"type": "function", "function": {"name": "f"}}]')
    refuses("run", TINY, "Hi", "--template", bare, "--tools", tools, says="no tools")
    refuses("run", TINY, "Hi", "--template", bare, "--think", says="no thinking")
    refuses("run", TINY, "Hi", "--now", "2024-02-30", says="--now")
    said = hob.run("generate", TINY, "Hi", "-n", 1, "--ctx", 1024)[2]
    assert "1024" in said and "512" in said, said
    code = path("code")
    shutil.copytree(FOLDER, code)
    with open(os.path.join(code, "config.json"), encoding="utf-8") as file:
        config = json.load(file) | {"auto_map": {"AutoModelForCausalLM": "modeling.Evil"}}
    path(os.path.join("code", "config.json"), json.dumps(config))
    assert "auto_map" in hob.run("generate", code, "Hi", "-n", 1)[2]
    assert any("auto_map" in w for w in hob.run_json("inspect", code)["warnings"])
    # The reason stands at the end of a line that is too long.
    where = path("d" * 120)
    os.makedirs(where, exist_ok=True)
    said = hob.run("inspect", os.path.join(where, "e" * 100 + ".gguf"), ok=(4,))[2]
    assert len(said) <= 200 and said.endswith("e.gguf: no such file or folder\n") and "..." in said, said


# ------------------------------------------------------------------ tokenize

def ranks():
    """A tiktoken file is found by how its name ends: the folder is listed."""
    folder = os.path.join(hob.TEMP, "ranks")
    os.makedirs(folder)
    with open(os.path.join(folder, "qwen.tiktoken"), "w", encoding="utf-8") as file:
        file.writelines("%s %d\n" % (base64.b64encode(bytes([i])).decode(), i) for i in range(256))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"architectures": ["LlamaForCausalLM"]}, file)
    assert hob.run_json("tokenize", folder, "hob") == list(b"hob")


def tokenize():
    golden = [t for t in hob.golden("tiny-tokens")["tiny-llama-rope3"] if "\0" not in t["text"]]
    for model in (TINY, FOLDER):
        for entry in golden:
            got = hob.run_json("tokenize", model, "--file", path("text", entry["text"]), "--special")
            assert got == entry["ids"], entry
    text = "The hob keeps <|im_end|>"
    plain = hob.run_json("tokenize", TINY, text)
    special = hob.run_json("tokenize", TINY, text, "--special")
    assert special[-1] == 319 and 319 not in plain
    assert hob.run_json("tokenize", TINY, stdin=text.encode()) == plain
    assert hob.run("tokenize", TINY, text, "--count")[1] == b"%d\n" % len(plain)
    assert hob.run_json("tokenize", TINY, text, "--bos") == [317] + plain
    assert hob.run("tokenize", TINY, "--decode", hob.ids_text(plain))[1] == text.encode()
    assert hob.run_json("tokenize", TINY, "--decode", hob.ids_text(special)) == text[:-10]
    assert hob.run_json("tokenize", TINY, "--decode", "--special", json.dumps(special)) == text
    lines = "The hob\n\n  two  \r\nlast"
    out = hob.run("tokenize", TINY, "--lines", "--json", stdin=lines.encode())[1].decode().splitlines()
    want = [hob.run_json("tokenize", TINY, "--file", path("line", line)) for line in lines.split("\n")]
    assert [json.loads(line) for line in out] == want
    back = hob.run("tokenize", TINY, "--lines", "--decode", stdin="\n".join(out).encode())[1]
    assert back == lines.encode() + b"\n"
    table = hob.run("tokenize", TINY, text, "--special")[1].decode()
    assert len(table.splitlines()) == len(special) and "control" in table and "\033" not in table
    refuses("tokenize", TINY, "--decode", "320", says="320")
    refuses("tokenize", TINY, "a", "--file", "b", says="not both")
    refuses("tokenize", os.path.join(hob.MODELS, "tiny-llama-bias"), "a", code=3, says="tokenizer")
    # A folder with nothing else.
    only = path("only")
    os.mkdir(only)
    shutil.copy(os.path.join(FOLDER, "tokenizer.json"), only)
    assert hob.run_json("tokenize", only, text) == plain
    refuses("generate", only, "Hi", code=3)


# -------------------------------------------------------------------- render

MESSAGES = [{"role": "user", "content": "Hi <|im_end|>"}]


def render():
    want = b"<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n"
    text = json.dumps(MESSAGES)
    for model in (TINY, FOLDER):
        assert hob.run("render", model, stdin=text.encode())[1] == want
        assert hob.run("render", model, "--messages", path("m.json", text))[1] == want
    spans = hob.run_json("render", TINY, stdin=text.encode())
    assert spans["text"].encode() == want
    assert [want[a:b] for a, b in spans["spans"]] == [b"Hi <|im_end|>"], spans
    template = path("t.jinja", "{{ bos_token }}|{{ messages[0].content }}|{{ thing.x }}|{{ add_generation_prompt }}|"
                               "{{ tools | length }}|{{ strftime_now('%Y') }}")
    request = json.dumps({"messages": MESSAGES, "bos_token": "<s>", "thing": {"x": 3}, "add_generation_prompt": False,
                          "tools": [{"type": "function"}]})
    out = hob.run("render", "--template", template, "--now", "2001-02-03", stdin=request.encode())[1]
    assert out == b"<s>|Hi <|im_end|>|3|False|1|2001", out
    out = hob.run("render", TINY, "--template", path("b.jinja", "{{ eos_token }}"), stdin=text.encode())[1]
    assert out == b"<|im_end|>", out
    refuses("render", "--template", path("r.jinja", "{{ raise_exception('only users') }}"), stdin=text.encode(), code=3,
            says="only users")
    refuses("render", "--template", path("s.jinja", "{% if %}"), stdin=text.encode(), code=3)
    refuses("render", stdin=text.encode(), says="MODEL")
    refuses("render", TINY, stdin=b"{}", says="messages")
    refuses("render", TINY, stdin=b"[1]", says="messages[0]")
    refuses("render", TINY, stdin=b"[", code=3)
    refuses("render", os.path.join(hob.MODELS, "tiny-llama-bias"), stdin=text.encode(), code=4, says="no chat template")
    refuses("render", TINY, "--now", "soon", stdin=text.encode(), says="--now")


# -------------------------------------------------------------------- logits

def logits():
    out = path("x.npy")
    hob.run("logits", TINY, "--tokens", IDS, "--precise", "-o", out)
    rows, columns, whole = hob.read_npy(out)
    assert (rows, columns) == (5, 320)
    data = hob.run("logits", TINY, "--tokens", IDS, "--precise")[1]
    with open(out, "rb") as file:
        assert file.read() == data
    for flags in (("--batch", 1), ("--batch", 2, "-t", 1), ("--isa", "ref")):
        assert hob.run("logits", TINY, "--tokens", "[1, 2\n3 4,5]", "--precise", *flags)[1] == data
    hob.run("logits", TINY, "--tokens", IDS, "--precise", "--last", "-o", out)
    rows, columns, last = hob.read_npy(out)
    assert rows == 1 and last == whole[-columns:]
    text = "The hob keeps <|im_end|>"
    for flags, special in (((), False), (("--special",), True)):
        ids = hob.run_json("tokenize", TINY, text, *flags)
        want = hob.run("logits", TINY, "--tokens", hob.ids_text(ids))[1]
        assert hob.run("logits", TINY, "--text", text, *flags)[1] == want
        assert hob.run("logits", TINY, "--file", path("text", text), *flags)[1] == want
        assert (ids[-1] == 319) == special
    refuses("logits", TINY, says="one of")
    refuses("logits", TINY, "--text", "a", "--tokens", "1", says="one of")
    refuses("logits", TINY, "--text", "", says="empty")
    refuses("logits", TINY, "--tokens", "")
    refuses("logits", TINY, "--tokens", hob.ids_text([1] * 513), code=5, says="513")


# ---------------------------------------------------------------- perplexity

def perplexity():
    words = path("text", "The hob keeps the house at night. " * 40)
    got = hob.run_json("perplexity", TINY, "--file", words, "--ctx", 64)
    assert got["tokens"] == got["chunks"] * 31 and got["perplexity"] > 1 and got["stderr"] > 0
    for flags in (("--parallel", 4), ("-t", 1), ("--batch", 3), ("--isa", "ref")):
        assert hob.run_json("perplexity", TINY, "--file", words, "--ctx", 64, *flags) == got
    # By hand, from the logits of the first window.
    import math
    ids = hob.run_json("tokenize", TINY, "--file", words)[:64]
    hob.run("logits", TINY, "--tokens", hob.ids_text(ids), "-o", path("w.npy"))
    _, columns, values = hob.read_npy(path("w.npy"))
    total = 0.0
    for row in range(32, 63):
        logits_row = values[row * columns:(row + 1) * columns]
        best = max(logits_row)
        total += best + math.log(math.fsum(math.exp(v - best) for v in logits_row)) - logits_row[ids[row + 1]]
    one = hob.run_json("perplexity", TINY, "--file", words, "--ctx", 64, "--chunks", 1)
    assert one["chunks"] == 1 and abs(one["perplexity"] / math.exp(total / 31) - 1) < 1e-9
    refuses("perplexity", TINY, "--file", path("short", "a"), says="at least one window")


# ------------------------------------------------------------------- inspect

def inspect():
    for model, form in ((TINY, "GGUF"), (FOLDER, "Hugging Face folder")):
        facts = hob.run_json("inspect", model, "--tensors", "--graph", "--tokenizer")
        assert facts["format"] == form and facts["shape"]["context"] == 512 and facts["shape"]["layers"] == 3
        assert facts["shape"]["heads"] == 4 and facts["shape"]["kv_heads"] == 2 and facts["shape"]["head_size"] == 24
        assert facts["tokenizer"]["tokens"] == 320 and facts["tokenizer"]["eos"]["id"] == 319
        assert {t["text"] for t in facts["tokenizer"]["special"]} >= {"<|im_start|>", "<|im_end|>"}
        assert facts["chat"]["usable"] is True and "im_start" in facts["chat"]["template"]
        assert facts["plan"]["fits"] and facts["plan"]["kv_token_bytes"] == 3 * 2 * 2 * 24 * 2
        assert sum(t["bytes"] for t in facts["types"].values()) == sum(t["bytes"] for t in facts["tensors"])
        assert any(t["shape"] == [320, 64] for t in facts["tensors"]) and "attend" in facts["graph"]
        assert facts["warnings"] == []
        text = hob.run("inspect", model)[1].decode()
        assert "head_size" in text and "\033" not in text
    facts = hob.run_json("inspect", TINY, "--kv", "f32", "--ctx", 100, "--parallel", 3)
    assert facts["plan"]["context"] == 100 and facts["plan"]["kv_token_bytes"] == 2 * 3 * 2 * 2 * 24 * 2
    facts = hob.run_json("inspect", os.path.join(hob.MODELS, "tiny-llama-bias"))
    assert facts["tokenizer"] is None and len(facts["warnings"]) == 2, facts["warnings"]
    # Only a vocabulary, with a name that is no UTF-8 and would move the cursor.
    with open(TINY, "rb") as file:
        data = file.read()
    version, n_tensors, n_keys = struct.unpack_from("<IQQ", data, 4)
    where = data.index(b"tiny-llama-rope3")
    bare = data[:8] + struct.pack("<QQ", 0, n_keys) + data[24:where] + b"tiny\xff\x1b[2Jme\xc3\x28me " + data[where + 16:]
    facts = hob.run_json("inspect", path("bare.gguf", bare))
    assert facts["metadata"]["general.name"] == "tiny\\xff\x1b[2Jme\\xc3(me ", facts["metadata"]["general.name"]
    assert any("no weights" in w for w in facts["warnings"]) and "plan" not in facts
    out = hob.run("inspect", path("bare.gguf"))[1]
    assert b"\x1b" not in out and b"\xff" not in out and b"\\x1b[2J" in out
    assert hob.run_json("tokenize", path("bare.gguf"), "The hob") == hob.run_json("tokenize", TINY, "The hob")


# --------------------------------------------------------------------- bench

def bench():
    rows = hob.run_json("bench", TINY, "-p", "16,40", "-n", "4,8", "-d", "0,70", "--parallel", "1,3", "-r", 3, "-t", 2)
    assert len(rows) == 2 * (2 + 4)
    seen = {(r["test"], r["tokens"], r["depth"], r["parallel"]) for r in rows}
    assert len(seen) == 12 and ("decode", 8, 70, 3) in seen and ("prefill", 40, 0, 1) in seen
    for row in rows:
        rates = row["tokens_per_second"]
        assert len(rates["samples"]) == 3 and 0 < rates["min"] <= rates["median"] <= rates["max"]
        assert rates["median"] == sorted(rates["samples"])[1]
        assert row["threads"] == 2 and row["kv"] == "f16" and row["precise"] is False and row["isa"]
        assert row["model"] == os.path.basename(TINY) and row["model_bytes"] == os.path.getsize(TINY)
        assert set(row["types"]) == {"F32"}
    only = hob.run_json("bench", TINY, "-p", "16", "-r", 1, "--precise")
    assert [r["test"] for r in only] == ["prefill"] and only[0]["precise"] is True and only[0]["kv"] == "f32"
    table = hob.run("bench", TINY, "-n", "4", "-r", 1)[1].decode()
    assert "decode" in table and "tokens/s" in table
    first, *rows = hob.run_json("bench", TINY, "-p", "16", "-n", "8", "-r", 1, "--limits", "-t", 2)
    assert first["test"] == "limits" and first["int8_instructions"]
    assert all(first[key] > 1e6 for key in ("read_bytes_per_second", "fp32_per_second", "int8_per_second"))
    assert [row["test"] for row in rows] == ["prefill", "decode"] and all(row["fraction"] > 0 for row in rows)
    assert "outside_graph" not in rows[0] and 0 < rows[1]["outside_graph"] < 1
    table = hob.run("bench", TINY, "-n", "4", "-r", 1, "--limits")[1].decode()
    assert "of what this memory can do" in table and "memory is read at" in table and "not the graph" in table
    refuses("bench", TINY, "-p", "x", says="prefill")
    refuses("bench", TINY, "-p", "600", "--ctx", "100", code=5, says="600")


# -------------------------------------------------------------------- replay

def replay():
    reply = hob.run_json("generate", TINY, "The hob", "-n", 9, "--seed", 5)
    reply_path = path("reply.json", json.dumps(reply))
    assert b"same bytes" in hob.run("replay", reply_path)[1]
    for key, word in (("reply_sha256", "text"), ("model_sha256", "model"), ("logits_sha256", "logits")):
        wrong = json.loads(json.dumps(reply))
        wrong["receipt"][key] = "0" * 64
        said = hob.run("replay", path("wrong.json", json.dumps(wrong)), "--model", TINY, ok=(8,))[2]
        assert "differ in the " + word in said, said
    refuses("replay", path("wrong.json", json.dumps(wrong | {"receipt": {}})), code=3, says="receipt")
    refuses("replay", path("no.json", "[]"), code=3)
    wrong = json.loads(json.dumps(reply))
    wrong["receipt"]["model_sha256"] = "1" * 64
    refuses("replay", path("wrong.json", json.dumps(wrong)), code=4, says="--model")


assert array.array("f").itemsize == 4
hob.main([("generate", generate), ("stop texts", stops), ("log probabilities", logprobs),
          ("a model without a tokenizer", ids_only), ("a full context is said so", full_context), ("batch", batch),
          ("bytes without a token", lost_bytes), ("standard input", standard_input),
          ("honoured or refused", honoured_or_refused), ("tokenize", tokenize), ("a tiktoken file", ranks), ("render", render), ("logits", logits), ("perplexity", perplexity),
          ("inspect", inspect), ("bench", bench), ("replay", replay)])
