#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hob run: one reply from words and pipes, and the chat on a terminal."""
import fcntl
import json
import os
import signal
import struct
import subprocess
import termios
import time

import hob
from terminal import Terminal, plain

TINY = os.path.join(hob.MODELS, "tiny-llama-rope3")
PLAIN = os.path.join(hob.TEMP, "plain.jinja")  # shows what the model is told
with open(PLAIN, "w", encoding="utf-8") as file:
    file.write("{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>")
ANSWER = rb"\n(\x1b\[[0-9;?]*[A-Za-z]|\s)*[!-~]"  # its first words, below the question
SHORT = ["--template", PLAIN, "--temp", "0", "-n", "8"]


def prompt_of(*words, **more):
    """The prompt as the model read it, from the receipt's ids."""
    reply = hob.run_json("run", TINY, "--template", PLAIN, "-n", "1", *words, **more)
    ids = hob.ids_text(reply["receipt"]["prompt_tokens"])
    return hob.run("tokenize", TINY, "--decode", ids)[1].decode().rstrip("\n")


def saved(chat, name):
    """The messages of a chat, by /save."""
    path = os.path.join(hob.TEMP, name)
    assert "saved in" in chat.say("/save " + path)
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def test_one_reply():
    base = hob.run("run", TINY, *SHORT, "two", "words")[1]
    assert base.endswith(b"\n") and len(base) > 1
    assert hob.run("run", TINY, *SHORT, "two words")[1] == base
    assert hob.run("run", TINY, *SHORT, stdin=b"two words\n")[1] == base
    assert hob.run("run", TINY, "two", *SHORT, "--", "words")[1] == base
    reply = hob.run_json("run", TINY, *SHORT, "two words")
    assert len(reply["tokens"]) <= 8 and reply["prompt_tokens"] == len(reply["receipt"]["prompt_tokens"])
    assert {"text", "tokens", "finish_reason", "stop", "timings", "receipt"} <= set(reply)
    piped = hob.run_json("run", TINY, *SHORT, "two", stdin=b"words\n")
    said = hob.run_json("run", TINY, *SHORT, "two\n\nwords")
    assert piped["receipt"]["prompt_tokens"] == said["receipt"]["prompt_tokens"]


def test_messages():
    path = os.path.join(hob.TEMP, "messages.json")
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    with open(path, "w", encoding="utf-8") as out:
        json.dump(messages, out)
    ids = hob.run_json("run", TINY, *SHORT, "--messages", path, "c")["receipt"]["prompt_tokens"]
    messages.append({"role": "user", "content": "c"})
    with open(path, "w", encoding="utf-8") as out:
        json.dump(messages, out)
    assert hob.run_json("run", TINY, *SHORT, "--messages", path)["receipt"]["prompt_tokens"] == ids
    assert hob.run_json("run", TINY, *SHORT, "--messages", "-",
                        stdin=json.dumps(messages).encode())["receipt"]["prompt_tokens"] == ids
    system = hob.run_json("run", TINY, *SHORT, "--messages", path, "--system", "s")["receipt"]["prompt_tokens"]
    assert len(system) > len(ids)
    for bad, says in ((b"{}", "want a JSON array"), (b"[1]", "want an object with a role"), (b"[", "")):
        with open(path, "wb") as out:
            out.write(bad)
        code, _, err = hob.run("run", TINY, "--messages", path, ok=None)
        assert code == 3 and says in err, (code, err)


def test_options():
    assert hob.run("run", TINY, *SHORT, "--now", "2024-02-30x", "a", ok=None)[0] == 2
    for now in ("0", "2024-02-29", "2024-02-29 12:30", "2024-02-29T12:30:01"):
        hob.run("run", TINY, *SHORT, "--now", now, "a")
    assert hob.run("run", TINY, *SHORT, "--keepalive", "5m", "a")[0] == 0
    assert "5 days" in hob.run("run", TINY, *SHORT, "--keepalive", "5 days", "a", ok=(2,))[2]
    code, _, err = hob.run("run", TINY, *SHORT, "--verbose", "a")
    assert "tokens at" in err and "from the cache" in err, err
    assert hob.run("run", TINY, *SHORT, "--template", "/nonexistent", "a", ok=None)[0] == 4


def test_context():
    long = "word " * 3000
    code, _, err = hob.run("run", TINY, "--template", PLAIN, long, ok=None)
    assert code == 5 and "512" in err, (code, err)
    code, out, err = hob.run("run", TINY, "--template", PLAIN, "--ctx", "64", "--ignore-eos", "hello")
    assert code == 0 and "context of 64 tokens is full" in err, err


def test_chat():
    chat = Terminal("run", TINY, *SHORT)
    assert "/help" in chat.prompt()
    assert chat.say("hello").strip()
    first = saved(chat, "first.json")
    assert [m["role"] for m in first] == ["user", "assistant"] and first[0]["content"] == "hello"
    chat.say("and more")
    assert len(saved(chat, "second.json")) == 4
    chat.say("/retry")
    assert saved(chat, "again.json") == saved(chat, "second.json")
    assert "empty" in chat.say("/clear")
    assert saved(chat, "none.json") == []
    assert "2 messages loaded" in chat.say("/load " + os.path.join(hob.TEMP, "first.json"))
    assert saved(chat, "first2.json") == first
    chat.say("/system Be kind.")
    assert "Be kind." in chat.say("/system")
    assert saved(chat, "system.json")[0] == {"role": "system", "content": "Be kind."}
    chat.say("/clear")
    assert saved(chat, "kept.json") == [{"role": "system", "content": "Be kind."}]
    chat.send("/quit\r")
    assert chat.close() == 0


def test_set_and_show():
    chat = Terminal("run", TINY, *SHORT)
    chat.prompt()
    for line in ("/set temp 0.25", "/set parameter temperature 0.25", "/set parameter repeat_penalty 1.5"):
        assert "hob:" not in chat.say(line)
    text = chat.say("/show parameters")
    assert "0.25" in text and "1.5" in text, text
    assert "did you mean" in chat.say("/set tempp 1")
    assert "in [0, 100]" in chat.say("/set temp 1000")
    assert "cannot be changed" in chat.say("/set parameter num_ctx 100")
    assert "want a value" in chat.say("/set temp")
    assert "want 0 or 2" in chat.say("/set mirostat 1") and "mirostat             0" in chat.say("/show parameters")
    assert "on or off" in chat.say("/set ignore-eos maybe")
    assert "class" in chat.say("/set regex [") and "not there" in chat.say("/set schema /nonexistent")
    assert "json-object" in chat.say("/set format json") and "another is given" in chat.say("/set choice a")
    chat.say("/set noformat")
    assert "choice" in chat.say("/set choice yes") and "yes" in chat.say("say it")
    chat.say("/set noformat")
    chat.say("/set stop END")
    assert '["END"]' in chat.say("/set")
    chat.say("/set stop default")
    assert "END" not in chat.say("/set") and "0.25" in chat.say("/set temp 0.25")
    assert "tokens at" not in chat.say("a")
    chat.say("/set verbose")
    text = chat.say("b")
    assert "tokens at" in text, (text, chat.seen[-500:])
    assert "512 tokens" in chat.say("/show")
    assert "/retry" in chat.say("/?") and "/retry" in chat.say("/help")
    assert "did you mean /clear" in chat.say("/claer")
    assert "no such command" in chat.say("/etc/hosts")
    chat.say(" /etc/hosts")
    assert saved(chat, "space.json")[-2]["content"] == " /etc/hosts"
    assert "want a file name" in chat.say("/save")
    assert "cannot" in chat.say("/load /nonexistent/file")
    chat.send("/bye\r")
    assert chat.close() == 0


def test_several_lines():
    chat = Terminal("run", TINY, *SHORT)
    chat.prompt()
    chat.send('"""first\r')
    chat.wait(rb"\.\.\. ")
    chat.send("  second\r")
    chat.wait(rb"\.\.\. ")
    chat.send('"""\r')
    chat.prompt()
    assert saved(chat, "lines.json")[0]["content"] == "first\n  second\n"
    chat.say('"""one line"""')
    assert saved(chat, "lines.json")[2]["content"] == "one line"
    chat.say("gr\u00fc\u00df \u4f60\u597d \U0001f600")
    assert saved(chat, "lines.json")[4]["content"] == "gr\u00fc\u00df \u4f60\u597d \U0001f600"
    chat.send("\x1b[200~pasted\r\tlines\x01\x1b[31m\n\x1b[201~")  # none of it is a key
    chat.say("!")
    assert saved(chat, "lines.json")[6]["content"] == "pasted\n\tlines[31m\n!"
    chat.say("xac\x1b[D\x1b[Db\x01\x04\x1b[C\x1b[C\x1b[Cd")  # arrows, Ctrl-A, Ctrl-D
    assert saved(chat, "lines.json")[8]["content"] == "bacd", saved(chat, "lines.json")[8]
    chat.send("\x04")
    assert chat.close() == 0


def test_history():
    chat = Terminal("run", TINY, *SHORT)
    chat.prompt()
    chat.say("remember this line")
    chat.send("/quit\r")
    chat.close()
    path = os.path.join(hob.ENV["HOB_HOME"], "history")
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, encoding="utf-8") as history:
        assert "remember this line" in history.read().splitlines()
    chat = Terminal("run", TINY, *SHORT)
    chat.prompt()
    chat.send("\x1b[A\x1b[A\r")  # /quit, then the line before
    chat.wait(rb"remember this line")
    chat.prompt()
    assert saved(chat, "history.json")[0]["content"] == "remember this line"
    chat.send("\x04")
    assert chat.close() == 0


def test_interrupts():
    chat = Terminal("run", TINY, "--template", PLAIN, "--ctx", "200000", "--ignore-eos", "--no-markdown", "--seed", "1")
    chat.prompt()
    chat.send("go\r")
    chat.wait(ANSWER)
    chat.send("\x03")
    chat.prompt()
    messages = saved(chat, "stopped.json")
    assert messages[1]["role"] == "assistant" and messages[1]["content"], messages
    chat.send("half a line")
    chat.wait(rb"half a line")  # a terminal forgets on Ctrl-C what was not read
    chat.send("\x03")
    chat.prompt()
    chat.send("\x03")
    assert "again" in chat.prompt()
    chat.say("/set max-tokens 2")
    chat.send("\x03")
    chat.prompt()
    chat.send("\x03")
    assert chat.close() == 130


def test_typed_ahead():
    """What is typed or pasted while an answer comes is not shown in it, not lost, and the next message as a whole."""
    chat = Terminal("run", TINY, "--template", PLAIN, "--temp", "0", "--ignore-eos", "--ctx", "20000", "-n", "1500")
    chat.prompt()
    chat.send("go\r")
    chat.wait(ANSWER)
    pasted = "a line of text\n" * 400  # more than a line of a terminal holds
    chat.send("/set max-tokens 2\r")
    chat.send("\x1b[200~" + pasted + "\x1b[201~")
    text = chat.prompt()
    assert "max-tokens" not in text and "a line of text" not in text, text
    chat.wait(rb"max-tokens")
    chat.prompt()
    chat.say("")
    messages = saved(chat, "ahead.json")
    assert [m["role"] for m in messages] == ["user", "assistant"] * 2 and messages[2]["content"] == pasted.rstrip("\n"), \
        messages[2]
    chat.send("\x04")
    assert chat.close() == 0


def modes(chat):
    flags = termios.tcgetattr(chat.fd)[3]
    return bool(flags & termios.ECHO), bool(flags & termios.ICANON)


def test_terminal_modes():
    """A window of another size, a program that was stopped, and the terminal as it was in the end."""
    chat = Terminal("run", TINY, *SHORT)
    chat.prompt()
    chat.send("half a line")
    chat.wait(rb"half a line")
    os.kill(chat.pid, signal.SIGSTOP)
    shell = termios.tcgetattr(chat.fd)
    shell[3] |= termios.ECHO | termios.ICANON
    termios.tcsetattr(chat.fd, termios.TCSADRAIN, shell)
    os.kill(chat.pid, signal.SIGCONT)
    chat.wait(rb"half a line")
    for columns in (20, 8, 100):
        fcntl.ioctl(chat.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        chat.wait(rb"half")
    chat.say(" and the rest")
    assert saved(chat, "modes.json")[0]["content"] == "half a line and the rest"
    chat.send("/quit\r")
    chat.wait(rb"\x1b\[\?2004l")
    assert modes(chat) == (True, True)
    assert chat.close() == 0
    for kills in (1, 2):  # the second ends it at once
        chat = Terminal("run", TINY, "--template", PLAIN, "--ignore-eos", "--ctx", "200000", "--temp", "0")
        chat.prompt()
        chat.send("go\r")
        chat.wait(rb"\n.")
        for _ in range(kills):
            os.kill(chat.pid, signal.SIGTERM)
        chat.wait(rb"\x1b\[\?2004l")
        assert modes(chat) == (True, True)
        assert chat.close() == 130


def test_interrupted_reply():
    process = subprocess.Popen([hob.HOB, "run", TINY, "--template", PLAIN, "--ctx", "200000", "--ignore-eos", "go"],
                               env=hob.ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(10)
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.splitlines()[-1] == b"hob: interrupted", (process.returncode, err)
    assert rest.endswith(b"\n")


def test_full_context():
    chat = Terminal("run", TINY, "--template", PLAIN, "--ctx", "64", "--ignore-eos", "--temp", "0")
    chat.prompt()
    text = chat.say("hello")
    assert "context of 64 tokens is full" in text and "/clear" in text and "--ctx" in text, text
    text = chat.say("more")
    assert "is full" in text and "/clear" in text, text
    chat.say("/clear")
    chat.say("/set max-tokens 4")
    assert "full" not in chat.say("hello")
    chat.send("\x04")
    assert chat.close() == 0


def test_terminal_is_safe():
    """What the model writes cannot act on the terminal: random bytes of a random model."""
    chat = Terminal("run", TINY, "--template", PLAIN, "--ignore-eos", "-n", "300", "--temp", "3", "--top-k", "0",
                    "--top-p", "1", "--seed", "5", "go")
    assert chat.close(60) == 0
    text = plain(chat.seen)
    assert all(c == "\n" or c == "\t" or ord(c) >= 32 and not 0x7f <= ord(c) < 0xa0 for c in text), repr(text)


def test_no_template():
    model = os.path.join(hob.TEMP, "bare")
    os.makedirs(model, exist_ok=True)
    for name in os.listdir(TINY):
        if name == "tokenizer_config.json":
            with open(os.path.join(TINY, name), encoding="utf-8") as source:
                config = json.load(source)
            config.pop("chat_template", None)
            with open(os.path.join(model, name), "w", encoding="utf-8") as out:
                json.dump(config, out)
        elif not os.path.exists(os.path.join(model, name)):
            os.symlink(os.path.join(TINY, name), os.path.join(model, name))
    code, _, err = hob.run("run", model, "hi", ok=None)
    assert code != 0 and "hob generate" in err and "--template" in err, err
    assert hob.run("run", model, *SHORT, "hi")[0] == 0


def test_dumb_terminal():
    chat = Terminal("run", TINY, *SHORT, "go", env={"TERM": "dumb"})
    assert chat.close(60) == 0 and b"\x1b" not in chat.seen, chat.seen
    chat = Terminal("run", TINY, *SHORT, "go", env={"NO_COLOR": "1"})
    assert chat.close(60) == 0 and b"\x1b" not in chat.seen, chat.seen


def test_real_model():
    if not hob.real_model("smollm2"):
        raise hob.Skip("smollm2 is not here")
    chat = Terminal("run", "smollm2", "--temp", "0", "-n", "60")
    chat.prompt()
    assert "Paris" in chat.say("What is the capital of France? One word.")
    start = time.monotonic()
    chat.send("Count from 1 to 500 in words.\r")
    chat.wait(rb"\n")
    chat.prompt()
    assert "Paris" in json.dumps(saved(chat, "real.json")), time.monotonic() - start
    chat.send("\x04")
    assert chat.close() == 0


if __name__ == "__main__":
    hob.main([(name[5:].replace("_", " "), function) for name, function in sorted(globals().items())
              if name.startswith("test_")])
