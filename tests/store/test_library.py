#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library: names, settings, what becomes of files; and a program killed at each of its writes leaves it intact."""
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
import hob  # noqa: E402

TINY = os.path.join(hob.MODELS, "tiny-llama-rope3.gguf")
FOLDER = os.path.join(hob.MODELS, "tiny-llama-rope3")
CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"
KILLER = os.environ.get("HOB_KILLER", "")


def fresh(name):
    home = os.path.join(hob.TEMP, name)
    return home, {"HOB_HOME": home, "XDG_CACHE_HOME": os.path.join(hob.TEMP, "no-cache")}


def names(env):
    return sorted(e["name"] for e in json.loads(hob.run("list", "--json", env=env)[1]))


def test_names():
    home, env = fresh("names")
    for good in ("a", "A-b_c.9", "name:tag", "user/name:7b-q4", "hf.co/user/name:Q4"):
        hob.run("add", TINY, "--name", good, env=env)
    for bad in ("", "-rf", "../x", "a/../../b", "a:", ":a", "a:b:c", "%2e%2e", "a b", "a\n", "x" * 5000, "a/b/c/d",
                "\u202ea"):
        hob.run("add", TINY, "--name", bad, ok=(2,), env=env)
    assert names(env) == sorted(["a", "A-b_c.9", "name:tag", "user/name:7b-q4", "hf.co/user/name:Q4"])
    hob.run("add", FOLDER, "--name", "NAME:TAG", env=env)
    assert len(names(env)) == 5
    for word in ("name:tag", "Name:TAG"):
        assert json.loads(hob.run("show", word, "--json", env=env)[1])["path"] == FOLDER
    assert json.loads(hob.run("show", "library/a:latest", "--json", env=env)[1])["path"] == TINY
    hob.run("rm", "NAME:tag", "a", env=env)
    hob.run("rm", "a", ok=(4,), env=env)
    assert len(names(env)) == 3 and os.path.exists(TINY) and os.path.isdir(FOLDER)


def test_settings():
    home, env = fresh("settings")
    modelfile = ('# a comment\nfrom %s\nPARAMETER temperature 0\nparameter stop "x y"\nPARAMETER stop z\nPARAMETER num_gpu 9\n'
                 'PARAMETER num_predict 7\nTEMPLATE """%s"""\nSYSTEM """two\nlines"""\nMESSAGE user hello\n'
                 'MESSAGE assistant """hi"""\nLICENSE mine\n' % (TINY, CHAT))
    hob.run("create", "one", "-f", "-", stdin=modelfile.encode(), env=env)
    shown = json.loads(hob.run("show", "one", "--json", env=env)[1])
    assert shown["settings"]["parameters"] == {"temp": 0.0, "stop": ["x y", "z"], "max_tokens": 7}, shown["settings"]
    assert hob.run("show", "one", "--system", env=env)[1] == b"two\nlines\n"
    assert hob.run("show", "one", "--license", env=env)[1] == b"mine\n"
    assert b"temperature                    0" in hob.run("show", "one", "--parameters", env=env)[1]
    again = hob.run("show", "one", "--modelfile", env=env)[1]
    hob.run("create", "two", "-f", "-", stdin=again, env=env)
    assert json.loads(hob.run("show", "two", "--json", env=env)[1])["settings"] == shown["settings"]
    reply = json.loads(hob.run("run", "one", "go", "--json", env=env)[1])
    assert len(reply["tokens"]) <= 7
    ids = hob.ids_text(reply["receipt"]["prompt_tokens"])
    said = hob.run("tokenize", TINY, "--decode", ids)[1].decode().rstrip("\n")
    assert said == "<system>two\nlines\n<user>hello\n<assistant>hi\n<user>go\n<assistant>", said
    hob.run("create", "three", "-f", "-", stdin=b"FROM one\nSYSTEM other\n", env=env)
    assert json.loads(hob.run("show", "three", "--json", env=env)[1])["settings"]["messages"]
    for bad, says in (("ADAPTER x", "line 2: ADAPTER"), ("PARAMETER nothing 1", "line 2"), ("TEMPLATE {{ .Nothing }}", "line 2"),
                      ("PARAMETER temperature hot", "line 2"), ('SYSTEM """open', "line 2"), ("FROM x", "second"),
                      ("MESSAGE nobody x", "line 2"), ("TEMPLATE {% if %}", "line 2")):
        code, _, err = hob.run("create", "bad", "-f", "-", stdin=("FROM one\n%s\n" % bad).encode(), ok=(2, 3), env=env)
        assert says in err and err.count("\n") == 1, (bad, err)
    hob.run("create", "bad", "-f", "-", stdin=b"SYSTEM x\n", ok=(3,), env=env)
    assert "bad" not in names(env)


def test_foreign_rows():
    """Rows that something else wrote: what is no text is not shown as one."""
    home, env = fresh("foreign")
    hob.run("add", TINY, "--name", "a", env=env)
    hob.run("show", "a", env=env)
    with contextlib.closing(sqlite3.connect(os.path.join(home, "library.db"))) as db:
        settings, facts = (json.loads(db.execute(query).fetchone()[0]) for query in
                           ("SELECT settings FROM model", "SELECT json FROM facts"))
        for own, whole in (([1, None, "mine"], 7), ([None], None), ("text", [])):
            settings.update(license=own, messages=[1, None, {"role": 5}], system=3)
            facts.update(license=whole, capabilities=[5, None, "completion"])
            db.execute("UPDATE model SET settings = ?", (json.dumps(settings),))
            db.execute("UPDATE facts SET json = ?", (json.dumps(facts),))
            db.commit()
            for words in ((), ("--license",), ("--modelfile",), ("--system",), ("--json",)):
                said = hob.run("show", "a", *words, env=env)[1]
                assert b"(null)" not in said and (words or b"completion" in said), (words, said)
            assert hob.run("show", "a", "--license", env=env)[1] == (b"mine\n" if own[-1] == "mine" else b"")


def test_go_templates():
    home, env = fresh("go")
    turn = ("{{ if .System }}<s>{{ .System }}</s>{{ end }}{{- if .Prompt }}<u>{{ .Prompt }}</u>{{ end }}<a>{{ .Response }}</a>")
    loop = ("{{- range .Messages }}{{ if eq .Role \"system\" }}[S]{{ .Content }}{{ else if eq .Role \"user\" }}[U]"
            "{{ .Content }}{{ else }}[A]{{ .Content }}{{ end }}{{ end }}[A]")
    messages = os.path.join(hob.TEMP, "go.json")
    with open(messages, "w", encoding="utf-8") as file:
        json.dump([{"role": "system", "content": "be"}, {"role": "user", "content": "a \"b\" {{ x }}"},
                   {"role": "assistant", "content": "c"}, {"role": "user", "content": "d"}], file)
    chatml = ("{{- if .System }}<s>{{ .System }}</s>\n{{ end }}\n{{- range $i, $_ := .Messages }}\n"
              "{{- $last := eq (len (slice $.Messages $i)) 1 -}}\n{{- if eq .Role \"user\" }}<u>{{ .Content }}</u>\n"
              "{{ else if eq .Role \"assistant\" }}<a>{{ .Content }}{{ if not $last }}</a>\n{{ end }}\n{{- end }}\n"
              "{{- if and (ne .Role \"assistant\") $last }}<a>{{ end }}\n{{- end }}")
    latest = ("{{- $at := -1 }}{{ range $i, $m := .Messages }}{{ if eq $m.Role \"user\" \"tool\" }}{{ $at = $i }}{{ end }}{{ end }}"
              "{{ $at }}:{{ with (index .Messages $at).Content }}{{ . }}{{ else }}none{{ end }}{{ range .Tools }}{{ . }}{{ else }}-{{ end }}")
    latest = latest.replace("(index .Messages $at).Content", "$.System")  # a path goes on from a name alone
    for template, want in ((turn, '<s>be</s><u>a "b" {{ x }}</u><a>c</a><u>d</u><a>'),
                           (loop, '[S]be[U]a "b" {{ x }}[A]c[U]d[A]'),
                           (chatml, '<s>be</s>\n<u>a "b" {{ x }}</u>\n<a>c</a>\n<u>d</u>\n<a>'), (latest, '3:be-')):
        hob.run("create", "go", "-f", "-", stdin=('FROM %s\nTEMPLATE """%s"""' % (TINY, template)).encode(), env=env)
        reply = json.loads(hob.run("run", "go", "--messages", messages, "-n", "1", "--json", env=env)[1])
        said = hob.run("tokenize", TINY, "--decode", hob.ids_text(reply["receipt"]["prompt_tokens"]))[1].decode()
        assert said.rstrip("\n") == want, (said, want)
        assert hob.run("show", "go", "--template", env=env)[1].decode().rstrip("\n") == template
    tools = ("{{- range .Tools }}{{ .Function }}|{{ .Function.Name }}|{{ .Function.Parameters }}\n{{ end }}{{- range .Messages }}"
             "{{ if .ToolCalls }}{{ range .ToolCalls }}{{ .Function.Name }}={{ .Function.Arguments }};{{ json .Function }}"
             "{{ end }}{{ else }}{{ .Role }}:{{ .Content }}{{ end }}\n{{ end }}")
    hob.run("create", "go", "-f", "-", stdin=('FROM %s\nTEMPLATE """%s"""' % (TINY, tools)).encode(), env=env)
    function = {"name": "f", "parameters": {"type": "object"}}
    request = {"messages": [{"role": "user", "content": "a"},
                            {"role": "assistant", "tool_calls": [{"type": "function", "function": {
                                "name": "f", "arguments": {"x": [1, 2]}}}]}, {"role": "tool", "content": "3"}],
               "tools": [{"type": "function", "function": function}]}
    path = os.path.join(hob.TEMP, "go-tools.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(request, file)
    said = hob.run("render", "go", "--messages", path, env=env)[1].decode()
    assert said == ('{"name":"f","parameters":{"type":"object"}}|f|{"type":"object"}\nuser:a\n'
                    'f={"x":[1,2]};{"name":"f","arguments":{"x":[1,2]}}\ntool:3\n'), said
    for bad in ("{{ .Nothing }}", "{{ range .Messages }}{{ .Prompt }}{{ end }}", "{{ $x }}", "{{ range $a, $b := .Tools }}{{ $c }}{{ end }}",
                "{{ printf \"a\" }}", "{{ range .Messages }}", "{{ end }}", "{{ if .System", "{{ . }}", "{{ (((.System) }}",
                "{{ eq }}", "{{ .System | html }}", "{{ range .Messages }}{{ . }}{{ end }}", "{{ \"a }}", "{{ slice }}",
                "{{ " + "(" * 40 + ".System" + ")" * 40 + " }}", "{{ if .System }}" * 40):
        hob.run("create", "go", "-f", "-", stdin=('FROM %s\nTEMPLATE """%s"""' % (TINY, bad)).encode(), ok=(3,), env=env)


def test_files():
    home, env = fresh("files")
    path = os.path.join(hob.TEMP, "moving.gguf")
    shutil.copy(TINY, path)
    hob.run("add", path, env=env)
    entry = json.loads(hob.run("list", "--json", env=env)[1])[0]
    assert entry["state"] == "good" and len(entry["digest"]) == 64
    with open(path, "ab") as file:
        file.write(b"x")
    assert "has changed" in hob.run("generate", "moving", "a", ok=(8,), env=env)[2]
    os.remove(path)
    assert "vanished" in hob.run("generate", "moving", "a", ok=(4,), env=env)[2]
    assert b"vanished" in hob.run("list", env=env)[1]
    for model in (TINY, FOLDER):
        hob.run("add", model, "--name", "copied", "--copy", env=env)
        where = json.loads(hob.run("show", "copied", "--json", env=env)[1])["path"]
        assert where.startswith(home) and hob.run("generate", "copied", "a", "-n", "2", "--seed", "1", env=env)[1] == \
            hob.run("generate", model, "a", "-n", "2", "--seed", "1", env=env)[1]
        hob.run("cp", "copied", "again", env=env)
        hob.run("rm", "copied", env=env)
        assert os.path.exists(where)
        hob.run("rm", "again", env=env)
        assert not os.path.exists(where)
    for content, code in ((b"", 7), (b"not a database" * 100, 7)):
        broken, benv = fresh("broken%d" % len(content))
        os.makedirs(broken)
        with open(os.path.join(broken, "library.db"), "wb") as file:
            file.write(content)
        if content:
            hob.run("list", ok=(code,), env=benv)
            assert open(os.path.join(broken, "library.db"), "rb").read() == content
    folder, fenv = fresh("folder-for-a-library")
    os.makedirs(os.path.join(folder, "library.db"))
    said = hob.run("list", ok=(7,), env=fenv)[2]
    assert "library.db: " in said and "null" not in said, said


def test_rivals():
    """Programs that give a name to copies and take it away at once: what is left is what the name stands for."""
    def work(words, env):
        for _ in range(10):
            hob.run(*words, env=env, ok=None)

    for number in range(4):
        home, env = fresh("rivals-%d" % number)
        threads = [threading.Thread(target=work, args=(words, env)) for words in (
            ("add", TINY, "--copy", "--name", "m"), ("rm", "m")) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        used = {e["path"].split("/files/")[1].split("/")[0] for e in json.loads(hob.run("list", "--json", env=env)[1])}
        left = set(os.listdir(os.path.join(home, "files")))
        assert left == used, (left, used)


def test_kills():
    """Killed at every write, each command leaves the library as it was or as it is to be."""
    if not os.path.exists(KILLER):
        raise hob.Skip("no killer")
    base, env = fresh("kills")
    hob.run("add", TINY, "--name", "old", env=env)
    create = os.path.join(hob.TEMP, "kill.Modelfile")
    with open(create, "w", encoding="utf-8") as file:
        file.write("FROM old\nSYSTEM x\n")
    kills = 0
    for words, after in ((("add", TINY, "--name", "new"), ["new", "old"]),
                         (("add", TINY, "--name", "new", "--copy"), ["new", "old"]),
                         (("cp", "old", "new"), ["new", "old"]), (("create", "new", "-f", create), ["new", "old"]),
                         (("rm", "old"), []), (("list",), ["old"])):
        for at in range(1, 400):
            home, env = fresh("killed")
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(base, home)
            if words == ("list",):  # the first start of all
                os.remove(os.path.join(home, "library.db"))
                after = []
            done = subprocess.run([hob.HOB, *words], capture_output=True, timeout=60,
                                  env=dict(hob.ENV, **env, LD_PRELOAD=KILLER, HOB_KILL_AT=str(at)), check=False)
            found = names(env)
            assert found in (["old"], after), (words, at, found)
            if "new" in found:
                hob.run("generate", "new", "a", "-n", "1", env=env)
            if done.returncode == 0:
                assert found == after, (words, found)
                break
            assert done.returncode == -signal.SIGKILL, (words, at, done.returncode, done.stderr)
            kills += 1
            hob.run("add", TINY, "--name", "third", env=env)
            assert "third" in names(env)
        else:
            raise AssertionError("never ended: %s" % (words,))
    assert kills > 30, kills
    print("# %d kills" % kills, flush=True)


if __name__ == "__main__":
    hob.main([(name[5:], function) for name, function in list(globals().items()) if name.startswith("test_")])
