"""Disks and mounts: what psutil, df, findmnt and the kernel's files say."""

import json
import os
import re
import shutil
import subprocess
from collections import Counter

import psutil

from judging.rows import absent, octets

IO = {
    "read_count": "reads", "write_count": "writes", "read_bytes": "read_bytes", "write_bytes": "write_bytes",
    "read_merged_count": "reads_merged", "write_merged_count": "writes_merged",
}  # fmt: skip
IO_TIMES = {"read_time": "read_time_ns", "write_time": "write_time_ns", "busy_time": "busy_time_ns"}
DF = {"1B-blocks": "total_bytes", "Used": "used_bytes", "Avail": "available_bytes", "Inodes": "total_inodes", "IFree": "free_inodes"}


def say_disks(row):
    for name, disk in psutil.disk_io_counters(perdisk=True, nowrap=False).items():
        for key, path in IO.items():
            row.say("psutil", f"disks[{octets(name)}].{path}", getattr(disk, key))
        for key, path in IO_TIMES.items():
            row.say("psutil", f"disks[{octets(name)}].{path}", getattr(disk, key) * 10**6)
    for line in open("/proc/diskstats"):
        major, minor, name, *numbers = line.split()
        kernel = lambda path, value: row.say("kernel", f"disks[{octets(name)}].{path}", value)
        numbers = list(map(int, numbers))
        kernel("major", int(major))
        kernel("minor", int(minor))
        kernel("in_flight", numbers[8])
        kernel("weighted_time_ns", numbers[10] * 10**6)
        # Of one reading.
        kernel("counters_reset", False)
        if len(numbers) >= 15:
            kernel("discards", numbers[11])
            kernel("discarded_bytes", numbers[13] * 512)
        if len(numbers) >= 17:
            kernel("flushes", numbers[15])
        try:
            size = open(f"/sys/class/block/{name.replace('/', '!')}/size").read()
            kernel("size_bytes", int(size) * 512)
        except FileNotFoundError:
            pass


def say_mounts(row):
    table = [line.split(" ") for line in open("/proc/self/mountinfo", errors="surrogateescape").read().splitlines()]
    mounts = {int(columns[0]): columns for columns in table}
    for number, columns in mounts.items():
        kernel = lambda path, value: row.say("kernel", f"mounts[{number}].{path}", value)
        major, minor = map(int, columns[2].split(":"))
        options = columns[5], columns[columns.index("-") + 3]
        kernel("id", number)
        kernel("parent_id", int(columns[1]))
        kernel("major", major)
        kernel("minor", minor)
        kernel("root", octets(plain(columns[3])))
        kernel("read_only", any(words.split(",")[0] == "ro" for words in options))
    say_partitions(row, list(mounts))
    say_findmnt(row)
    # The room of a mount that another lies over cannot be asked for by its path.
    covered = {int(columns[1]) for columns in table if mounts.get(int(columns[1]), [None] * 5)[4] == columns[4]}
    for number, columns in mounts.items():
        if number not in covered and not is_hidden(columns, mounts):
            say_usage(row, number, plain(columns[4]))


def plain(text):
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def is_hidden(columns, mounts):
    """Mounted below a folder that something was mounted on later."""
    siblings = [other for other in mounts.values() if other[1] == columns[1] and other is not columns]
    parent = mounts.get(int(columns[1]))
    below = lambda other: columns[4].startswith(other[4].rstrip("/") + "/")
    return any(map(below, siblings)) or (parent is not None and parent is not columns and is_hidden(parent, mounts))


def say_partitions(row, numbers):
    partitions = psutil.disk_partitions(all=True)
    physical = Counter(psutil.disk_partitions(all=False))
    # Both are in the order of the kernel's list.
    for number, partition in zip(numbers, partitions, strict=True):
        say = lambda path, value: row.say("psutil", f"mounts[{number}].{path}", value)
        if partition.device:
            say("source", octets(partition.device))
        say("mount_point", octets(partition.mountpoint))
        say("filesystem_type", octets(partition.fstype))
        say("options", [octets(plain(option)) for option in partition.opts.split(",")])
        say("physical", physical[partition] > 0)


def say_findmnt(row):
    if not shutil.which("findmnt"):
        return
    command = ["findmnt", "--json", "--list", "--output", "ID,PARENT,TARGET,FSTYPE,MAJ:MIN,FSROOT"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, errors="surrogateescape").stdout)
    for mount in found["filesystems"]:
        say = lambda path, value: row.say("findmnt", f"mounts[{mount['id']}].{path}", value)
        say("parent_id", mount["parent"])
        say("mount_point", octets(mount["target"]))
        say("filesystem_type", octets(mount["fstype"]))
        major, minor = mount["maj:min"].split(":")
        say("major", int(major))
        say("minor", int(minor))
        say("root", octets(mount["fsroot"]))


def say_usage(row, number, path):
    say = lambda judge, key, value: row.say(judge, f"mounts[{number}].usage.{key}", value)
    try:
        usage, raw = psutil.disk_usage(path), os.statvfs(path)
    except PermissionError:
        for key in ["total_bytes", "used_bytes", "available_bytes", "free_bytes"]:
            say("kernel", key, absent("denied"))
        return
    except OSError:
        return
    say("psutil", "total_bytes", usage.total)
    say("psutil", "used_bytes", usage.used)
    say("psutil", "available_bytes", usage.free)
    say("kernel", "free_bytes", raw.f_bfree * raw.f_frsize)
    if usage.used + usage.free > 0:
        say("psutil", "used_ratio", usage.percent / 100)
    if raw.f_files > 0:
        say("kernel", "total_inodes", raw.f_files)
        say("kernel", "free_inodes", raw.f_ffree)
    command = ["df", "--block-size=1", "--output=size,used,avail,itotal,iavail", "--", path]
    df = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if df.returncode == 0:
        names, values = (line.split() for line in df.stdout.splitlines())
        for name, value in zip(names, values, strict=True):
            if value.isdigit() and (usage.total > 0 if "node" not in name and name != "IFree" else raw.f_files > 0):
                say("df", DF[name], int(value))
