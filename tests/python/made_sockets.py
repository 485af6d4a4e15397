"""Sockets of every kind and state: made_sockets.py DIRECTORY [bare]

Prints one line of JSON, {name: {"inode", "fd", ...}} and the pids that hold "shared", and holds them until its input ends.
"bare": only a listener, for a network namespace that has nothing else.
"""

import json
import os
import socket
import sys

directory = sys.argv[1]
is_bare = sys.argv[2:] == ["bare"]
made = {}
kept = []


def add(name, made_socket, **facts):
    kept.append(made_socket)
    made[name] = {"inode": os.fstat(made_socket.fileno()).st_ino, "fd": made_socket.fileno(), **facts}
    return made_socket


def listener(address=("127.0.0.1", 0), family=socket.AF_INET, backlog=16):
    made_socket = socket.socket(family, socket.SOCK_STREAM)
    made_socket.bind(address)
    made_socket.listen(backlog)
    return made_socket


def pair(of):
    client = socket.create_connection(of.getsockname())
    server, _ = of.accept()
    return client, server


def inet():
    tcp = add("listen", listener())
    made["listen"]["port"] = tcp.getsockname()[1]
    client, server = pair(tcp)
    add("client", client, port=client.getsockname()[1])
    add("server", server)
    abandoned, leaver = pair(tcp)
    leaver.close()
    add("close_wait", abandoned)
    first, second = pair(tcp)
    made["time_wait"] = {"port": first.getsockname()[1]}
    first.close()
    second.close()
    full = add("full", listener(backlog=0))
    for _ in range(8):
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex(full.getsockname())
        kept.append(caller)
    add("syn_sent", caller)
    for name, family, address in [("udp", socket.AF_INET, "127.0.0.1"), ("udp6", socket.AF_INET6, "::1")]:
        try:
            datagram = socket.socket(family, socket.SOCK_DGRAM)
            datagram.bind((address, 0))
            add(name, datagram, port=datagram.getsockname()[1])
        except OSError:
            pass  # no IPv6
    connected = add("udp_connected", socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    connected.connect(("127.0.0.1", made["udp"]["port"]))


def unix():
    path = f"{directory}/a path with blanks\nand a newline"
    add("unix_stream", listener(path, socket.AF_UNIX), path=path)
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    add("unix_client", client)
    add("unix_server", kept[-2].accept()[0])
    for name, kind in [("unix_dgram", socket.SOCK_DGRAM), ("unix_seqpacket", socket.SOCK_SEQPACKET)]:
        one, other = socket.socketpair(socket.AF_UNIX, kind)
        add(name, one)
        add(f"{name}_peer", other)
    hidden = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    hidden.bind(f"\0procwire {os.getpid()}")
    add("unix_abstract", hidden, path=f"\0procwire {os.getpid()}")


def others():
    netlink = add("netlink", socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE))
    netlink.bind((0, 0))
    made["netlink"]["port_id"] = netlink.getsockname()[0]
    try:
        add("packet", socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
    except PermissionError:
        pass


if not is_bare:
    inet()
    unix()
    others()
shared = add("shared", listener(("0.0.0.0", 0)))
made["shared"]["port"] = shared.getsockname()[1]
child = os.fork()
if child == 0:
    # Ends with its parent, whose end of the pipe is closed then.
    for made_socket in kept:
        if made_socket is not shared:
            made_socket.close()
    sys.stdin.read()
    os._exit(0)
made["pids"] = [os.getpid(), child]
print(json.dumps(made), flush=True)
sys.stdin.read()
