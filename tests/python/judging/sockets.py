"""Sockets: of each process as psutil and the kernel tell them, and of the host as psutil does."""

import os
import re
import socket

import psutil

from judging.rows import BOOT_ID, octets
from judging.sock_diag import sockets_of

FAMILIES = {socket.AF_UNIX: "UNIX", socket.AF_INET: "INET", socket.AF_INET6: "INET6"}
TYPES = {socket.SOCK_STREAM: "STREAM", socket.SOCK_DGRAM: "DGRAM", socket.SOCK_SEQPACKET: "SEQPACKET"}


class Namespaces:
    """The sockets of each network namespace, asked for once per question, and again for a socket that is not there yet."""

    def __init__(self):
        self.tables = {}

    def socket(self, subject, inode):
        try:
            namespace = os.stat(subject.file("ns/net")).st_ino
        except FileNotFoundError:
            return None, None
        for _ in range(2):
            table = self.tables.get(namespace)
            if table is not None and inode in table:
                return namespace, table[inode]
            rows = sockets_of(subject.folder)
            self.tables[namespace] = {row["inode"]: row for row in rows or [] if row["inode"]}
        return namespace, None


def ask_sockets(row, subject, process, namespaces):
    row.list("kernel", "sockets", lambda: say_sockets(row, subject, namespaces), subject.without)
    if not subject.leader_exited and is_own_namespace(subject):
        # "Sockets": psutil looks for those of other network namespaces in its own.
        say_connections(row, subject, process)


def is_own_namespace(subject):
    try:
        return os.stat(subject.file("ns/net")).st_ino == os.stat("/proc/self/ns/net").st_ino
    except OSError:
        return False


def say_sockets(row, subject, namespaces):
    holders = holders_of(subject)
    for inode, descriptors in holders.items():
        namespace, values = namespaces.socket(subject, inode)
        if values is None:
            continue
        path = f"sockets[{inode}]"
        row.say_all("kernel", path, {**values, "network_namespace": namespace})
        for descriptor in descriptors:
            holder = f"{path}.holders[{subject.pid}/{descriptor}]"
            row.say("kernel", f"{holder}.fd", descriptor)
            row.say("kernel", f"{holder}.ref.pid", subject.pid)
            row.say("kernel", f"{holder}.ref.start_ticks", int(subject.stat[22]))
            row.say("kernel", f"{holder}.ref.boot_id", BOOT_ID)
    return len(holders)


def holders_of(subject):
    folder, holders = subject.file("fd"), {}
    for descriptor in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{descriptor}")
        except (FileNotFoundError, ProcessLookupError):
            continue
        found = re.fullmatch(r"socket:\[(\d+)\]", target)
        if found:
            holders.setdefault(int(found.group(1)), []).append(int(descriptor))
    return holders


def say_connections(row, subject, process):
    try:
        connections = process.net_connections("all")
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return
    for connection in connections:
        try:
            inode = int(os.readlink(subject.file(f"fd/{connection.fd}")).removeprefix("socket:[").removesuffix("]"))
        except (OSError, ValueError):
            continue
        for path, value in connection_values(connection).items():
            row.say("psutil", f"sockets[{inode}].{path}", value)


def connection_values(connection):
    values = {"family": f"SOCKET_FAMILY_{FAMILIES[connection.family]}", "type": f"SOCKET_TYPE_{TYPES[connection.type]}"}
    if connection.status != psutil.CONN_NONE:
        values["state"] = f"SOCKET_STATE_{connection.status}"
    if connection.family == socket.AF_UNIX:
        # "Sockets": psutil drops a path with blanks, and shows the NUL of an abstract name as "@".
        if connection.laddr and not connection.laddr.startswith("@"):
            values["local.unix.path"] = octets(connection.laddr)
        return values
    for side, end in [("local", connection.laddr), ("remote", connection.raddr)]:
        # "Sockets": an end whose port is 0 is empty for psutil.
        if end:
            values[f"{side}.inet.ip"] = "x:" + socket.inet_pton(connection.family, end.ip).hex()
            values[f"{side}.inet.port"] = end.port
    return values


def connections():
    """Every socket of the host as psutil.net_connections("all") tells it."""
    rows = []
    for connection in psutil.net_connections("all"):
        values = connection_values(connection)
        rows.append({**values, "pid": connection.pid, "fd": connection.fd})
    return rows
