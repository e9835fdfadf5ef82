#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The default requests of clients, agents and editors are answered: what is in recordings/ (tools/record_clients.py
made those of the clients; agents.json was written by hand), against a model whose template knows tools and one whose
template does not, whole and streamed as they ask."""
import json
import os

import serve
from serve import hob

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recordings")
TOOLS = ("{%- if tools %}<tool_call>{%- for t in tools %}{{ t | tojson }}{% endfor %}</tool_call>{% endif %}"
         "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>"
         "{{ c.function | tojson }}</tool_call>{% endfor %}{% endfor %}<|assistant|>")
S = None


def shorter(body):
    """The same request, for a reply of a few tokens."""
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        if isinstance(body.get(name), int):
            body[name] = min(body[name], 12)
    if isinstance(body.get("options"), dict) and body["options"].get("num_predict"):
        body["options"]["num_predict"] = 12
    return body


def check(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        data = json.load(file)
    for template in (serve.CHAT, TOOLS):
        S.create("chat", 'FROM %s\nTEMPLATE """%s"""\nPARAMETER num_predict 12\n' % (serve.TINY, template))
        for request in data["requests"]:
            body = request.get("body")
            status, headers, answer = S.ask(request["method"], request["path"], body and shorter(body),
                                            request["headers"])
            assert status == 200, (request, status, answer)
            assert not body or not body.get("stream") or "error" not in answer[-300:], (request, answer)
            assert "tools" not in (headers["X-Hob-Ignored"] or "").split(", "), request


def main():
    global S
    with serve.Server("--ctx", "16384") as S:
        hob.main([(name[:-5], lambda name=name: check(name)) for name in sorted(os.listdir(FOLDER))])


if __name__ == "__main__":
    main()
