"""The sockets of one network namespace, as the kernel tells them by sock_diag(7) and, for what that leaves out, in /proc/net."""

import ctypes
import json
import os
import socket
import struct
import sys

from judging.rows import ANYTHING

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST_DUMP = 0x301
TYPES = {1: "STREAM", 2: "DGRAM", 3: "RAW", 5: "SEQPACKET"}
STATES = [
    None, "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN",
    "CLOSING", "NEW_SYN_RECV",
]  # fmt: skip
PROTOCOLS = [(socket.IPPROTO_TCP, "STREAM"), (socket.IPPROTO_UDP, "DGRAM")]


def sockets_of(folder):
    """Of the network namespace that the process with this folder is in; None: it cannot be entered."""
    if os.stat(f"{folder}/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino:
        return sockets()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # Whoever has no rights outside has them in a user namespace of his own making.
            as_itself = enter(folder, "net")
            entered = as_itself or (enter(folder, "user") and enter(folder, "net"))
            found = sockets() if entered else None
            with os.fdopen(writer, "w") as answer:
                json.dump(found if as_itself else without_netlink(found), answer)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def without_netlink(rows):
    """User ids are those of that user namespace now, and whoever may not enter it has only text tables, which have no more than this."""
    unknown = dict.fromkeys(["uid", "receive_queue", "send_queue", "peer_inode"], ANYTHING)
    return rows and [{**row, **unknown} for row in rows]


def enter(folder, namespace):
    with open(f"{folder}/ns/{namespace}") as file:
        return ctypes.CDLL(None).setns(file.fileno(), 0) == 0


def sockets():
    """Each as its values by procwire's paths; inode and all."""
    found = []
    for family in [socket.AF_INET, socket.AF_INET6]:
        for protocol, type in PROTOCOLS:
            request = struct.pack("=BBBBI48x", family, protocol, 0, 0, 0xFFFFFFFF)
            found += [inet(message, type, protocol) for message in dump(request)]
    # Name, peer, queue lengths, owner.
    request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, 1 | 4 | 0x10 | 0x40, 0, 0)
    found += [unix(message) for message in dump(request)]
    return [*found, *raw_sockets(), *netlink_sockets(), *packet_sockets()]


def dump(request):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as diag:
        diag.sendall(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 0, 0) + request)
        while True:
            data = diag.recv(1 << 18)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == 3:
                    return
                if kind == 2:
                    # This kernel has no such table.
                    return
                yield data[16:length]
                data = data[(length + 3) & ~3 :]


def inet(message, type, protocol):
    family, state, _, _, local_port, remote_port = struct.unpack_from("=BBBB2s2s", message)
    local, remote = message[8:24], message[24:40]
    interface = struct.unpack_from("=I", message, 40)[0]
    received, sent, uid, inode = struct.unpack_from("=IIII", message, 56)
    size = 4 if family == socket.AF_INET else 16
    values = {
        "family": f"SOCKET_FAMILY_{'INET' if size == 4 else 'INET6'}",
        "type": f"SOCKET_TYPE_{type}",
        "protocol": protocol,
        # Of what is no TCP "closed" means that there is nothing to say.
        "state": f"SOCKET_STATE_{STATES[state]}" if protocol == socket.IPPROTO_TCP or STATES[state] != "CLOSE" else None,
        "inode": inode or None,
        "uid": uid,
        "receive_queue": received,
        "send_queue": sent,
        "interface_index": interface or None,
        "local.inet.ip": "x:" + local[:size].hex(),
        "local.inet.port": int.from_bytes(local_port, "big"),
    }
    if any(remote + remote_port):
        values["remote.inet.ip"] = "x:" + remote[:size].hex()
        values["remote.inet.port"] = int.from_bytes(remote_port, "big")
    return values


def unix(message):
    _, type, state, _, inode = struct.unpack_from("=BBBBI", message)
    values = {
        "family": "SOCKET_FAMILY_UNIX",
        "type": f"SOCKET_TYPE_{TYPES[type]}",
        "state": f"SOCKET_STATE_{STATES[state]}" if STATES[state] != "CLOSE" else None,
        "inode": inode,
    }
    data = message[16:]
    while data:
        length, kind = struct.unpack_from("=HH", data)
        value = data[4:length]
        if kind == 0:
            # Abstract names begin with a NUL and have none at their end.
            values["local.unix.path"] = "x:" + (value if value[:1] == b"\0" else value.rstrip(b"\0")).hex()
        elif kind == 2:
            # 0: nobody has accepted the connection yet.
            values["peer_inode"] = struct.unpack("=I", value)[0] or None
        elif kind == 4:
            values["receive_queue"], values["send_queue"] = struct.unpack("=II", value)
        elif kind == 7:
            values["uid"] = struct.unpack("=I", value)[0]
        data = data[(length + 3) & ~3 :]
    return values


def raw_sockets():
    """The text table has the protocol where others have the port; sock_diag knows of these only with a module that is rare."""
    for name, family in [("raw", "INET"), ("raw6", "INET6")]:
        try:
            lines = open(f"/proc/self/net/{name}").read().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            _, local, _, _, queues, _, _, uid, _, inode, *_ = line.split()
            ip, protocol = local.split(":")
            words = [ip[start : start + 8] for start in range(0, len(ip), 8)]
            sent, received = queues.split(":")
            yield {
                "family": f"SOCKET_FAMILY_{family}",
                "type": "SOCKET_TYPE_RAW",
                "protocol": int(protocol, 16),
                "inode": int(inode),
                "uid": int(uid),
                "receive_queue": int(received, 16),
                "send_queue": int(sent, 16),
                "local.inet.ip": "x:" + b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words).hex(),
                "local.inet.port": 0,
            }


def netlink_sockets():
    request = struct.pack("=BBHIIII", socket.AF_NETLINK, 255, 0, 0, 0, 0, 0)
    # Linux shows the type here alone, and this with a module.
    types = {struct.unpack_from("=I", message, 16)[0]: TYPES[message[1]] for message in dump(request)}
    for line in open("/proc/self/net/netlink").read().splitlines()[1:]:
        _, protocol, port, groups, *_, inode = line.split()
        yield {
            "family": "SOCKET_FAMILY_NETLINK",
            "type": f"SOCKET_TYPE_{types[int(inode)]}" if int(inode) in types else None,
            "inode": int(inode),
            "local.netlink.protocol": int(protocol),
            "local.netlink.port_id": int(port),
            "local.netlink.groups": int(groups, 16),
        }


def packet_sockets():
    for line in open("/proc/self/net/packet").read().splitlines()[1:]:
        _, _, type, protocol, interface, _, memory, uid, inode = line.split()
        yield {
            "family": "SOCKET_FAMILY_PACKET",
            "type": f"SOCKET_TYPE_{TYPES[int(type)]}",
            "inode": int(inode),
            "uid": int(uid),
            "local.packet.protocol": int(protocol, 16),
            "local.packet.interface_index": int(interface) or None,
        }
