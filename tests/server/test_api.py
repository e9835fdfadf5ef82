#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests that must not be answered: each is refused by the name, the place and the range of what is wrong in it."""
import base64
import json
import struct
import zlib

import serve
from serve import hob

S = None
CHAT = "/v1/chat/completions"
ASKED = [{"role": "user", "content": "Hi"}]


def refused(body, *words, path=CHAT, status=400):
    got, _, answer = S.ask("POST", path, body)
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    shown = body if len(str(body)) < 300 else str(body)[:200]
    assert got == status, (path, shown, got, text[:500])
    for word in words:
        assert word in text, (path, shown, word, text[:500])


def chat(**more):
    return dict({"model": "chat", "messages": ASKED, "max_tokens": 2}, **more)


def test_json():
    """Depth, size, what stands behind or before, what is twice, numbers that are none, half a character."""
    for data, words in ((b'{"a":' * 65 + b"1" + b"}" * 65, ["byte 320: JSON is nested deeper than 64"]),
                        (b'{"model":"chat"} x', ["line 1, column 18"]), (b"\xef\xbb\xbf{}", ["line 1, column 1"]),
                        (b'{"model":"chat",\n"model":"b"}', ["duplicate", "line 2"]), (b'{"model":NaN}', ["line 1, column"]),
                        (b'{"temperature":1e999}', ["line 1, column"]), (b'{"model":"\\ud800"}', ["line 1, column"]),
                        (b'{"model":"\xff"}', ["line 1, column"])):
        for path in (CHAT, "/v1/completions", "/v1/responses", "/v1/messages", "/api/chat", "/api/generate", "/tokenize"):
            refused(data, *words, path=path)
    many = b'{"model":"chat",%s}' % b",".join(b'"k%d":1' % i for i in range(10 ** 6))
    refused(many, "100000 values")


def test_options():
    for name, values, words in (
            ("temperature", (b"-1", b"1e30"), "[0, 100]"), ("top_p", (b"2", b"-0.1"), "[0, 1]"), ("top_k", (b"-5",), "[-1, "),
            ("seed", (b"%d" % 2 ** 70, b"1.5"), ""), ("presence_penalty", (b"1e9",), "["),
            ("frequency_penalty", (b"1e9", b"-1e9"), "["), ("repeat_penalty", (b"1e9",), "["),
            ("max_tokens", (b"-2", b"%d" % 2 ** 60), "["), ("max_completion_tokens", (b"-2",), "["), ("n", (b"1000", b"0"), "["),
            ("n_discard", (b"-1",), ""), ("dry_allowed_length", (b"-1",), "["), ("stop", (b'[""]', b'""'), "")):
        for value in values:
            body = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}],"%s":%s}' % (name.encode(), value)
            refused(body, words, *([] if b"118059" in value else [name]))
    refused(chat(temperature="NaN"), "temperature")
    refused(b'{"model":"chat","messages":[{"role":"user","content":"Hi"}],"temperature":NaN}', "column")
    refused(chat(stop=["x"] * 10 ** 5), "values")
    for value in ({"-1": 1}, {"99999": 1}, {str(2 ** 31): 1}):
        refused(chat(logit_bias=value), "logit_bias")
    refused(chat(logit_bias=["%d=-inf" % i for i in range(256)], constraint={"choice": ["yes"], "after": ""}), "no token",
            status=500)


def test_messages():
    refused(chat(messages=[]), "messages")
    refused(chat(messages=[{}] * 10 ** 6), "values")
    refused(chat(messages=ASKED + [{"role": "robot", "content": "a"}]), "messages[1].role")
    refused(chat(messages=ASKED + [{"role": "tool", "tool_call_id": "x", "content": "a"}]), "messages[1]")


def test_grammars():
    for grammar in ("root ::= " + "(" * 60000, "root ::= root \"a\" | \"b\"", 'root ::= "a"{1,1000000000}', "root ::= other"):
        for path, body in ((CHAT, chat(grammar=grammar)), (CHAT, chat(constraint={"grammar": grammar})),
                           ("/api/chat", {"model": "chat", "messages": ASKED, "constraint": {"grammar": grammar}})):
            refused(body, path=path)
    text = '{"items":' * 1000 + "true" + "}" * 1000
    for schema, word in (('{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}', ""), ('{"$ref":"http://127.0.0.1/x"}', "$ref"),
                         (text, "deeper"), ('{"enum":%s}' % list(range(10 ** 6)), "values")):
        for path, body in ((CHAT, '{"model":"chat","messages":[{"role":"user","content":"Hi"}],"json_schema":%s}'),
                           ("/api/chat", '{"model":"chat","messages":[{"role":"user","content":"Hi"}],"format":%s}'),
                           ("/v1/responses", '{"model":"chat","input":"Hi","text":{"format":{"type":"json_schema","name":"x","schema":%s}}}')):
            refused((body % schema).encode(), word, path=path)
    refused(chat(json_schema={"type": "string", "pattern": "^+x$"}), "pattern")


def png(width, height, *chunks):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + b"".join(
        chunk(*c) for c in chunks)


def test_images():
    """No model here takes images: each is refused by its place, and nothing is fetched or decoded."""
    pixel = png(1, 1, (b"IDAT", zlib.compress(b"\0abc")), (b"IEND", b""))
    images = {"truncated": pixel[:40], "huge": png(65535, 65535), "padded": pixel + b"\0" * (8 << 20),
              "animated": png(1, 1, (b"acTL", struct.pack(">II", 2 ** 31, 0))), "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
              "polyglot": b"GIF89a<script>" + pixel}
    urls = ["http://127.0.0.1:%d/health" % S.port, "file:///etc/passwd", "ftp://x/y"]
    urls += ["data:image/png;base64," + base64.b64encode(data).decode() for data in images.values()]
    before = S.metric("requests_total")
    for url in urls:
        refused(chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]),
                "messages[0].content[0]")
        refused({"model": "chat", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]}, "input[0]",
                path="/v1/responses")
    assert S.metric("requests_total") - before == 2 * len(urls) + 1
    for data in images.values():
        text = base64.b64encode(data).decode()
        refused({"model": "chat", "messages": [dict(ASKED[0], images=[text])]}, "messages[0].images", path="/api/chat")
        refused({"model": "chat", "prompt": "a", "images": [text]}, "images", path="/api/generate")
        refused({"model": "chat", "max_tokens": 2, "messages": [{"role": "user", "content": [{"type": "image", "source": {
            "type": "base64", "media_type": "image/png", "data": text}}]}]}, "messages[0].content[0]", path="/v1/messages")


def test_contexts():
    """A prompt that fills the context, one token more; the same of messages, which the template makes longer."""
    ids = {"model": "chat", "max_tokens": 1}
    assert S.post("/v1/completions", dict(ids, prompt=[5] * 512))["usage"]["prompt_tokens"] == 512
    refused(dict(ids, prompt=[5] * 513), "513", "512", path="/v1/completions")
    fits = "a b" * 20
    while True:
        status, _, answer = S.ask("POST", CHAT, chat(messages=[{"role": "user", "content": fits}], max_tokens=1))
        if status != 200:
            break
        n, fits = answer["usage"]["prompt_tokens"], fits + " a" * max(1, (512 - answer["usage"]["prompt_tokens"]) // 4)
    assert n <= 512 < int(json.dumps(answer).split("has ")[1].split()[0]) and "context_length_exceeded" in json.dumps(answer), (n, answer)


def test_embeddings():
    for value in ("", [""], [], ["a", 1], [1, "a"], [["a"]], {"a": 1}, [None]):
        refused({"model": "chat", "input": value}, "input", path="/v1/embeddings")
    refused({"model": "chat", "input": ["a"] * 10 ** 5}, "values", path="/v1/embeddings")
    refused({"model": "chat", "input": ["a"] * 9 * 10 ** 4}, "2048", path="/v1/embeddings")


def test_names_and_times():
    """What is not there; what would have to be fetched; for how long. A name is never half deleted: test_residents.py."""
    for path, body in ((CHAT, chat()), ("/v1/embeddings", {"input": "a"}), ("/v1/messages", chat()), ("/api/chat", chat()),
                       ("/api/show", {}), ("/api/embed", {"input": "a"}), ("/v1/responses", {"input": "a"})):
        body = {k: v for k, v in body.items() if k != "max_tokens" or path in (CHAT, "/v1/messages")}
        for name in ("none", "chat:none", "../../etc/passwd", "/etc/passwd"):
            refused(dict(body, model=name), path=path, status=404)
    refused({"model": "none"}, "opens no connection", path="/api/pull", status=501)
    for value in ("5 parsecs", 2 ** 63 - 1, 1e30, "", "1", [1]):
        refused(chat(keep_alive=value), "keep_alive")
    refused(b'{"model":"chat","messages":[{"role":"user","content":"Hi"}],"keep_alive":%d}' % 2 ** 63, "keep_alive")
    for value in (-1, 0, "10m", "-1s"):
        S.post(CHAT, chat(keep_alive=value))


def main():
    global S
    with serve.Server("--metrics") as S:
        S.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        hob.main([(name[5:], function) for name, function in globals().items() if name.startswith("test_")])


if __name__ == "__main__":
    main()
