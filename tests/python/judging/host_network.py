"""The network: what psutil, ip, ss and the kernel's files say."""

import ipaddress
import json
import shutil
import socket
import subprocess
import sys

import psutil

from judging.rows import ANYTHING, absent, octets

COUNTERS = {
    "bytes_recv": "received_bytes", "packets_recv": "received_packets", "errin": "receive_errors", "dropin": "receive_drops",
    "bytes_sent": "sent_bytes", "packets_sent": "sent_packets", "errout": "send_errors", "dropout": "send_drops",
}  # fmt: skip
# What `ip -s` counts: its own names, received and sent.
IP_COUNTERS = {
    "rx": {"bytes": "received_bytes", "packets": "received_packets", "multicast": "received_multicast"},
    "tx": {"bytes": "sent_bytes", "packets": "sent_packets", "collisions": "collisions"},
}
FLAGS = {
    "UP": 1, "BROADCAST": 2, "DEBUG": 4, "LOOPBACK": 8, "POINTOPOINT": 0x10, "NOTRAILERS": 0x20, "NOARP": 0x80, "PROMISC": 0x100,
    "ALLMULTI": 0x200, "MASTER": 0x400, "SLAVE": 0x800, "MULTICAST": 0x1000, "DYNAMIC": 0x8000, "LOWER_UP": 0x10000, "DORMANT": 0x20000,
    "ECHO": 0x40000,
}  # fmt: skip
RUNNING = 0x40
PSUTIL_FLAGS = {**{name.lower(): bit for name, bit in FLAGS.items()}, "running": RUNNING, "portsel": 0x2000, "automedia": 0x4000}
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254}
DUPLEX = {psutil.NIC_DUPLEX_FULL: "DUPLEX_FULL", psutil.NIC_DUPLEX_HALF: "DUPLEX_HALF"}
LINK_FIELDS = [
    "index", "flags", "operational_state", "hardware_address", "kind", "controller_index", "alias", "carrier_changes",
]  # fmt: skip
NOTHING = absent("none")


def say_network(row):
    say_counters(row)
    told = tool("ip", "-s", "-d", "-j", "link")
    if told is None:
        say_nothing(row)
    links = {link["ifname"]: link for link in told or []}
    for name, link in links.items():
        say_link(row, interface(name), link, links)
    for link in tool("ip", "-j", "addr") or []:
        for address in link["addr_info"]:
            say_address(row, link, address)
    say_psutil(row, links)
    say_protocols(row)
    say_sockets(row)


def say_nothing(row):
    """Without iproute2 the host's own tests must do for these."""
    print("iproute2 is not installed: links are compared with psutil alone", file=sys.stderr)
    for name, addresses in psutil.net_if_addrs().items():
        for field in LINK_FIELDS:
            row.say("ip", f"{interface(name)}.{field}", ANYTHING)
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                ip = ipaddress.ip_address(address.address.partition("%")[0])
                for field in ["ip", "prefix_length", "peer", "broadcast", "scope", "label"]:
                    row.say("ip", f"{interface(name)}.addresses[{octets(ip.packed)}].{field}", ANYTHING)


def interface(name):
    return f"network.interfaces[{octets(name)}]"


def tool(*command):
    """Its JSON, unless it is not installed."""
    if shutil.which(command[0]) is None:
        return None
    # An alias may be any bytes.
    told = subprocess.run(command, capture_output=True, check=True).stdout
    return json.loads(told.decode(errors="surrogateescape"))


def say_counters(row):
    for name, counters in psutil.net_io_counters(pernic=True, nowrap=False).items():
        for key, path in COUNTERS.items():
            row.say("psutil", f"{interface(name)}.counters.{path}", getattr(counters, key))
    for line in open("/proc/net/dev", errors="surrogateescape").read().splitlines()[2:]:
        name, _, numbers = line.rpartition(":")
        numbers = numbers.split()
        counters = f"{interface(name.strip())}.counters"
        row.say("kernel", f"{counters}.received_multicast", int(numbers[7]))
        row.say("kernel", f"{counters}.collisions", int(numbers[13]))
        # One reading cannot know.
        row.say("kernel", f"{interface(name.strip())}.counters_reset", False)


def say_link(row, path, link, links):
    say = lambda field, value: row.say("ip", f"{path}.{field}", NOTHING if value is None else value)
    say("index", link["ifindex"])
    say("mtu_bytes", link["mtu"])
    say("flags", flags_of(link))
    say("operational_state", link["operstate"].lower())
    say("hardware_address", None if link["link_type"] == "none" else octets(bytes.fromhex(link["address"].replace(":", ""))))
    say("kind", link.get("linkinfo", {}).get("info_kind"))
    say("controller_index", links[link["master"]]["ifindex"] if "master" in link else None)
    say("alias", octets(link["ifalias"]) if "ifalias" in link else None)
    for direction, names in IP_COUNTERS.items():
        for name, counter in names.items():
            say(f"counters.{counter}", link["stats64"][direction][name])
    for file, field in {"carrier_changes": "carrier_changes", "ifindex": "index"}.items():
        try:
            row.say("kernel", f"{path}.{field}", int(open(f"/sys/class/net/{link['ifname']}/{file}").read()))
        except FileNotFoundError:
            # Gone meanwhile.
            pass


def flags_of(link):
    """ip does not say RUNNING; it says NO-CARRIER of what is up and does not run."""
    names = set(link["flags"])
    is_running = "UP" in names and "NO-CARRIER" not in names
    return sum(FLAGS[name] for name in names - {"NO-CARRIER", "M-DOWN"}) | (RUNNING if is_running else 0)


def say_address(row, link, address):
    ip = ipaddress.ip_address(address["local"])
    path = f"{interface(link['ifname'])}.addresses[{octets(ip.packed)}]"
    say = lambda field, value: row.say("ip", f"{path}.{field}", NOTHING if value is None else value)
    packed = lambda key: octets(ipaddress.ip_address(address[key]).packed) if key in address else None
    say("ip", octets(ip.packed))
    say("prefix_length", address["prefixlen"])
    say("peer", packed("address"))
    # "Addresses and speeds": a network of one address has no broadcast address, whatever was set.
    is_alone = address["prefixlen"] == ip.max_prefixlen or "address" in address
    say("broadcast", None if is_alone else packed("broadcast"))
    say("scope", SCOPES[address["scope"]] if address["scope"] in SCOPES else int(address["scope"]))
    label = address.get("label", link["ifname"])
    say("label", octets(label) if label != link["ifname"] else None)


def say_psutil(row, links):
    for name, stats in psutil.net_if_stats().items():
        say = lambda field, value: row.say("psutil", f"{interface(name)}.{field}", NOTHING if value is None else value)
        say("running", stats.isup)
        say("mtu_bytes", stats.mtu)
        say("duplex", DUPLEX.get(stats.duplex))
        # "Addresses and speeds": psutil says 0 for what is not known, and 65535 for what was not known before there were 32 bits.
        say("bits_per_second", stats.speed * 10**6 if stats.speed not in (0, 0xFFFF) else None)
        if name in links:
            # psutil knows the lower half.
            above = flags_of(links[name]) & ~0xFFFF
            say("flags", sum(PSUTIL_FLAGS[flag] for flag in stats.flags.split(",") if flag) | above)
    for key, addresses in psutil.net_if_addrs().items():
        # An address with a label has a key of its own.
        name = key if key in links else key.partition(":")[0]
        for address in addresses:
            say_psutil_address(row, name, address)


def say_psutil_address(row, name, address):
    if address.family == psutil.AF_LINK:
        mac = bytes.fromhex(address.address.replace(":", ""))
        # "Addresses and speeds": psutil fills up what is shorter than 6 bytes.
        if len(mac) != 6 or not mac.endswith(b"\0"):
            row.say("psutil", f"{interface(name)}.hardware_address", octets(mac))
    elif address.family in (socket.AF_INET, socket.AF_INET6):
        ip = ipaddress.ip_address(address.address.partition("%")[0])
        path = f"{interface(name)}.addresses[{octets(ip.packed)}]"
        length = ones(address.netmask)
        row.say("psutil", f"{path}.prefix_length", length)
        # "Addresses and speeds": psutil takes the other end, or the address itself, for its broadcast address where there is none.
        if ip.version == 4 and address.broadcast and address.broadcast != address.address and length < 32:
            row.say("psutil", f"{path}.broadcast", octets(ipaddress.ip_address(address.broadcast).packed))
        if address.ptp and address.ptp != address.address:
            row.say("psutil", f"{path}.peer", octets(ipaddress.ip_address(address.ptp.partition("%")[0]).packed))


def ones(netmask):
    return int.from_bytes(ipaddress.ip_address(netmask).packed, "big").bit_count()


def say_protocols(row):
    for file in ["snmp", "netstat"]:
        rows = open(f"/proc/net/{file}").read().splitlines()
        for names, values in zip(rows[::2], rows[1::2], strict=True):
            protocol, *names = names.split()
            for name, value in zip(names, values.split()[1:], strict=False):
                say_statistic(row, "protocols", protocol.rstrip(":"), name, value)
    for line in lines_of("/proc/net/snmp6"):
        name, value = line.split()
        end = name.index("6") + 1
        say_statistic(row, "protocols", name[:end], name[end:], value)
    for file in ["sockstat", "sockstat6"]:
        for line in lines_of(f"/proc/net/{file}"):
            protocol, *pairs = line.split()
            for name, value in zip(pairs[::2], pairs[1::2], strict=True):
                say_statistic(row, "socket_statistics", protocol.rstrip(":"), name, value)


def lines_of(path):
    try:
        return open(path).read().splitlines()
    except FileNotFoundError:
        return []


def say_statistic(row, field, protocol, name, value, judge="kernel"):
    value = int(value)
    row.say(judge, f"network.{field}[{protocol}.{name}].value", value if value < 2**63 else value - 2**64)


def say_sockets(row):
    """ss -s: "Total: 49", and a table whose columns are all, IP, IPv6."""
    if shutil.which("ss") is None:
        return
    for line in subprocess.run(["ss", "-s"], capture_output=True, check=True, text=True).stdout.splitlines():
        words = line.split()
        if words[:1] == ["Total:"]:
            say_statistic(row, "socket_statistics", "sockets", "used", words[1], "ss")
        elif len(words) == 4 and words[0] in ("RAW", "UDP", "TCP", "FRAG"):
            say_statistic(row, "socket_statistics", words[0], "inuse", words[2], "ss")
            if lines_of("/proc/net/sockstat6"):
                say_statistic(row, "socket_statistics", f"{words[0]}6", "inuse", words[3], "ss")
