#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In a network of its own, whose every packet to outside is counted: chats, tools, embeddings and mistakes send none;
code that was planted in the program sends some before the walls stand and none behind them."""
import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "server"))
import serve  # noqa: E402
from serve import hob  # noqa: E402

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SET_FLAGS, SET_ADDRESS, SET_MASK, ADD_ROUTE, TUN_SET = 0x8914, 0x8916, 0x891c, 0x890b, 0x400454ca
UP, TUN, NO_HEAD, ROUTE6_UP = 1, 1, 0x1000, 1
# What the kernel would send by itself over IPv6, turned off: addresses, greetings, questions for routers.
QUIET = {"addr_gen_mode": 1, "accept_dad": 0, "dad_transmits": 0, "router_solicitations": 0, "accept_ra": 0}


def inet(address):
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def make_network():
    """A network namespace with a loopback and a default route into a tunnel; returns the tunnel's other end."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = NEW_NET if os.geteuid() == 0 else NEW_NET | NEW_USER
    if libc.unshare(flags) != 0:
        raise hob.Skip("no network of one's own: " + os.strerror(ctypes.get_errno()))
    try:
        tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tunnel, TUN_SET, struct.pack("16sH22x", b"sink", TUN | NO_HEAD))
    except OSError as error:
        raise hob.Skip("no tunnel to count packets with: %s" % error)
    for name, value in QUIET.items():
        with open("/proc/sys/net/ipv6/conf/sink/" + name, "w", encoding="ascii") as file:
            file.write(str(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SET_FLAGS, struct.pack("16sH22x", b"lo", UP))
        fcntl.ioctl(s, SET_ADDRESS, struct.pack("16s", b"sink") + inet("10.99.0.1") + b"\0" * 8)
        fcntl.ioctl(s, SET_MASK, struct.pack("16s", b"sink") + inet("255.255.255.0") + b"\0" * 8)
        fcntl.ioctl(s, SET_FLAGS, struct.pack("16sH22x", b"sink", UP))
        name = ctypes.create_string_buffer(b"sink")
        route = struct.pack("Q", 0) + inet("0.0.0.0") + inet("0.0.0.0") + inet("0.0.0.0") + \
            struct.pack("=H6xQQH6xQ", UP, 0, 0, 0, ctypes.addressof(name)) + b"\0" * 32
        fcntl.ioctl(s, ADD_ROUTE, route)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:  # fd99::1/64, and a route to everywhere
        sink, address = socket.if_nametoindex("sink"), socket.inet_pton(socket.AF_INET6, "fd99::1")
        fcntl.ioctl(s, SET_ADDRESS, struct.pack("=16sIi", address, 64, sink))
        fcntl.ioctl(s, ADD_ROUTE, struct.pack("=48xIHHI4xQIi", 0, 0, 0, 1, 0, ROUTE6_UP, sink))
    packets(tunnel, 2.5)  # the new address is told to the neighbours, once and again
    return tunnel


def packets(tunnel, wait=0.3):
    """Every packet that has left since the last time."""
    found = []
    while select.select([tunnel], [], [], wait)[0]:
        found.append(os.read(tunnel, 65536))
    return found


def use(server):
    server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
    chat = {"model": "chat", "messages": [{"role": "user", "content": "See http://10.99.0.9/x"}], "max_tokens": 3}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    server.post("/v1/chat/completions", chat)
    server.ask("POST", "/v1/chat/completions", dict(chat, tools=[tool]))
    server.stream("/v1/chat/completions", dict(chat, stream=True))
    server.post("/api/embed", {"model": "chat", "input": "http://10.99.0.9"})
    image = [{"type": "image_url", "image_url": {"url": "http://10.99.0.9/a.png"}}]
    server.ask("POST", "/v1/chat/completions", dict(chat, messages=[{"role": "user", "content": image}]))
    server.ask("POST", "/api/pull", {"model": "http://10.99.0.9/m"})
    server.ask("POST", "/v1/chat/completions", dict(chat, response_format={"type": "json_schema", "json_schema": {
        "name": "x", "schema": {"$ref": "http://10.99.0.9/schema"}}}))
    server.ask("GET", "http://10.99.0.9/")
    server.ask("GET", "/api/privacy")


def plant(what):
    return {"HOB_PLANT": what, "LD_PRELOAD": os.environ["HOB_PLANTED"]}


def main():
    tunnel, sealed = None, hob.run("selftest", ok=None)[0] == 0

    def begins():
        nonlocal tunnel
        tunnel = make_network()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"counted", ("10.99.0.9", 9))
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.99.0.1"))
            s.sendto(b"to many", ("224.0.0.251", 5353))
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.sendto(b"of six", ("fd99::9", 9))
        found = packets(tunnel)
        for word in (b"counted", b"to many", b"of six"):
            assert any(word in p for p in found), (word, found)
        assert packets(tunnel, 5) == []  # nothing leaves that nobody sends

    def silent():
        if tunnel is None:
            raise hob.Skip("no network of one's own")
        with serve.Server() as server:
            use(server)
        hob.run("generate", serve.TINY, "http://10.99.0.9", "-n", "3")
        hob.run("batch", serve.TINY, "-", stdin=b'{"prompt": "a", "max_tokens": 2}')
        assert packets(tunnel) == []

    def planted():
        if tunnel is None or not sealed:
            raise hob.Skip("no network of one's own, or no walls")
        hob.run("generate", serve.TINY, "a", "-n", "1", env=plant("early"))
        assert any(b"planted" in p for p in packets(tunnel)), "a planted packet was not counted"
        with serve.Server(env=plant("late")) as server:
            use(server)
            serve.wait_for(lambda: any("planted: Operation not permitted" in line for line in server.said))
        assert packets(tunnel) == []
    hob.main([("every packet is counted", begins), ("none leaves", silent), ("planted code is held", planted)])


main()
