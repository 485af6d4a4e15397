"""Memory and swap: what psutil, free, vmstat, swapon and the kernel's files say."""

import glob
import os
import re
import subprocess

import psutil

from judging.host_processors import numbers
from judging.rows import absent, octets, read

MEMORY = {
    "total": "total_bytes", "available": "available_bytes", "used": "used_bytes", "free": "free_bytes", "buffers": "buffers_bytes",
    "cached": "cached_bytes", "shared": "shared_bytes", "active": "active_bytes", "inactive": "inactive_bytes", "slab": "slab_bytes",
}  # fmt: skip
VMSTAT = {
    "K total memory": "memory.total_bytes", "K active memory": "memory.active_bytes", "K inactive memory": "memory.inactive_bytes",
    "K free memory": "memory.free_bytes", "K buffer memory": "memory.buffers_bytes", "K total swap": "swap.total_bytes",
    "K used swap": "swap.used_bytes", "K free swap": "swap.free_bytes",
}  # fmt: skip
POOL = {"total_pages": "nr_hugepages", "free_pages": "free_hugepages", "surplus_pages": "surplus_hugepages"}


def say_memory(row):
    memory = psutil.virtual_memory()
    for key, path in MEMORY.items():
        row.say("psutil", f"memory.{path}", getattr(memory, key))
    row.say("psutil", "memory.used_ratio", memory.percent / 100)
    for path, value in lines(open("/proc/meminfo").read()):
        row.say("kernel", f"memory.statistics{path}", value)
        if path == "[SwapCached].bytes":
            row.say("kernel", "swap.cached_bytes", value)
    say_tools(row)
    say_nodes(row)
    say_pools(row, "memory", "/sys/kernel/mm/hugepages", {**POOL, "reserved_pages": "resv_hugepages"})
    say_swap(row)


def say_tools(row):
    told = [line.split() for line in tool("free", "-b", "-w").splitlines()]
    for key, value in zip(told[0], told[1][1:], strict=True):
        path = {"buffers": "buffers_bytes", "cache": "cached_bytes"}.get(key, f"{key}_bytes")
        row.say("free", f"memory.{path}", int(value))
    for key, value in zip(["total", "used", "free"], told[2][1:4], strict=True):
        row.say("free", f"swap.{key}_bytes", int(value))
    for line in tool("vmstat", "-s").splitlines():
        number, _, name = line.strip().partition(" ")
        if name in VMSTAT:
            row.say("vmstat", VMSTAT[name], int(number) * 1024)


def say_nodes(row):
    folders = glob.glob("/sys/devices/system/node/node[0-9]*")
    if not folders:
        row.say("kernel", "memory.nodes", absent("unsupported"))
    for folder in folders:
        number = int(folder.rpartition("node")[2])
        path = f"memory.nodes[{number}]"
        row.say("kernel", f"{path}.number", number)
        for line, value in lines(re.sub(rf"(?m)^Node {number} ", "", open(f"{folder}/meminfo").read())):
            row.say("kernel", f"{path}.statistics{line}", value)
            field = {"[MemTotal].bytes": "total", "[MemFree].bytes": "free", "[MemUsed].bytes": "used"}.get(line)
            if field:
                row.say("kernel", f"{path}.{field}_bytes", value)
        row.say("kernel", f"{path}.cpus", numbers(f"{folder}/cpulist"))
        row.say("kernel", f"{path}.distances", [int(word) for word in read(f"{folder}/distance").split()])
        say_pools(row, path, f"{folder}/hugepages", POOL)


def say_pools(row, prefix, folder, fields):
    pools = glob.glob(f"{folder}/hugepages-*kB")
    if not pools and prefix == "memory":
        row.say("kernel", f"{prefix}.huge_pages", absent("none" if os.path.exists(folder) else "unsupported"))
    for pool in pools:
        size = int(re.search(r"(\d+)kB$", pool).group(1)) * 1024
        path = f"{prefix}.huge_pages[{size}]"
        row.say("kernel", f"{path}.page_bytes", size)
        for field, name in fields.items():
            row.say("kernel", f"{path}.{field}", int(read(f"{pool}/{name}")))


def say_swap(row):
    swap = psutil.swap_memory()
    for key, path in {"total": "total", "used": "used", "free": "free", "sin": "swapped_in", "sout": "swapped_out"}.items():
        row.say("psutil", f"swap.{path}_bytes", getattr(swap, key))
    row.say("psutil", "swap.used_ratio", swap.percent / 100)
    # It writes blanks of names as \x20.
    told = tool("swapon", "--show=NAME,TYPE,SIZE,USED,PRIO", "--bytes", "--raw", "--noheadings").splitlines()
    for line in told:
        name, kind, size, used, priority = line.split(" ")
        name = re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code.group(1), 16)), name)
        values = {"path": octets(name), "kind": kind, "total_bytes": int(size), "used_bytes": int(used), "priority": int(priority)}
        row.say_all("swapon", f"swap.devices[{octets(name)}]", values)
    if not told:
        row.say("swapon", "swap.devices", absent("none"))


def lines(text):
    """[NAME].bytes or [NAME].count, and the value."""
    for name, number, unit in re.findall(r"^(.*?):\s*(\d+)( kB)?$", text, re.M):
        yield f"[{name}].{'bytes' if unit else 'count'}", int(number) * (1024 if unit else 1)


def tool(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
