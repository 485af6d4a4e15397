"""Sockets of every kind and in every state in which somebody can hold one, all on this host."""

import os
import shutil
import socket
import sys
import tempfile

held = []


def all_sockets():
    folder = tempfile.mkdtemp(prefix="procwire-odd-")
    tcp(socket.AF_INET, "127.0.0.1")
    if socket.has_ipv6:
        try:
            tcp(socket.AF_INET6, "::1")
        except OSError:
            # No loopback address of this family here.
            pass
    udp()
    unix(folder)
    others()
    # Their paths are remembered by the sockets.
    shutil.rmtree(folder)


def listeners():
    """What works in a network namespace whose loopback is down."""
    listener(socket.AF_INET, "0.0.0.0")
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("0.0.0.0", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0procwire-odd-{os.getpid()}")
    held.extend([bound, abstract])


def prefork():
    """Names a child that holds the same listener, as the workers of a server do."""
    listener(socket.AF_INET, "127.0.0.1")
    child = os.fork()
    if child == 0:
        sys.stdin.read()
        os._exit(0)
    return child


def listener(family, address, backlog=8):
    server = socket.socket(family)
    server.bind((address, 0))
    server.listen(backlog)
    held.append(server)
    return server


def pair(server):
    client = socket.create_connection(server.getsockname()[:2])
    accepted, _ = server.accept()
    held.extend([client, accepted])
    return client, accepted


def fill(sender):
    """Until the other side takes no more: what is sent now waits, and so does the end behind it."""
    sender.setblocking(False)
    try:
        while True:
            sender.send(b"x" * 65536)
    except BlockingIOError:
        pass


def tcp(family, address):
    server = listener(family, address)
    # ESTABLISHED, one with bytes that nobody reads, one of whose descriptors there are two.
    client, accepted = pair(server)
    client.send(b"unread")
    held.append(accepted.dup())
    # FIN_WAIT2 and CLOSE_WAIT.
    client, accepted = pair(server)
    client.shutdown(socket.SHUT_WR)
    # FIN_WAIT1: the end waits behind bytes that the other side takes no more.
    client, accepted = pair(server)
    fill(client)
    client.shutdown(socket.SHUT_WR)
    # LAST_ACK: the other side ended first.
    client, accepted = pair(server)
    fill(accepted)
    client.shutdown(socket.SHUT_WR)
    wait_for(accepted, "CLOSE_WAIT")
    accepted.shutdown(socket.SHUT_WR)
    # CLOSING: both ended, and the end of one waits.
    client, accepted = pair(server)
    fill(client)
    client.shutdown(socket.SHUT_WR)
    accepted.shutdown(socket.SHUT_WR)
    # TIME_WAIT, which nobody holds.
    client, accepted = pair(server)
    client.close()
    wait_for(accepted, "CLOSE_WAIT")
    accepted.close()
    # SYN_SENT: a listener that accepts no more answers no more.
    full = listener(family, address, 0)
    for _ in range(4):
        waiting = socket.socket(family)
        waiting.setblocking(False)
        waiting.connect_ex(full.getsockname())
        held.append(waiting)
    # SYN_RECV, which nobody holds: the server waits for the first bytes.
    deferring = listener(family, address)
    deferring.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 3600)
    silent = socket.socket(family)
    silent.setblocking(False)
    silent.connect_ex(deferring.getsockname())
    # CLOSE: bound, and neither connected nor listening.
    bound = socket.socket(family)
    bound.bind((address, 0))
    held.extend([silent, bound])


def wait_for(tcp_socket, state):
    states = {"CLOSE_WAIT": 8}
    while tcp_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != states[state]:
        pass


def udp():
    for family, address in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]:
        try:
            bound = socket.socket(family, socket.SOCK_DGRAM)
            bound.bind((address, 0))
        except OSError:
            continue
        connected = socket.socket(family, socket.SOCK_DGRAM)
        connected.connect(bound.getsockname())
        connected.send(b"unread")
        held.extend([bound, connected, socket.socket(family, socket.SOCK_DGRAM)])


def unix(folder):
    for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET]:
        held.extend(socket.socketpair(socket.AF_UNIX, kind))
    for number, name in enumerate([b"plain", b"with blanks ) in it", b"\xff\x1b[2J(deleted)"]):
        path = os.path.join(os.fsencode(folder), name)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if number else socket.SOCK_SEQPACKET)
        server.bind(path)
        server.listen(3)
        client = socket.socket(socket.AF_UNIX, server.type)
        client.connect(path)
        accepted, _ = server.accept()
        # One that nobody has accepted yet.
        waiting = socket.socket(socket.AF_UNIX, server.type)
        waiting.connect(path)
        held.extend([server, client, accepted, waiting])
    abstract = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    abstract.bind(b"\0odd \0\xff name %d" % os.getpid())
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.connect(abstract.getsockname())
    held.extend([abstract, sender])


def others():
    held.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE))
    held[-1].bind((0, 1))
    rights = [
        lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0806)),
        bound_to_device,
    ]
    for make in rights:
        try:
            held.append(make())
        except PermissionError:
            pass


def bound_to_device():
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    bound.bind(("127.0.0.1", 0))
    return bound


def orphans():
    """Ends with the process: the folder goes when its input has ended."""
    import shutil

    for thing in held:
        if isinstance(thing, str):
            shutil.rmtree(thing, ignore_errors=True)
