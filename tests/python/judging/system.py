"""The snapshot of the host: what psutil, procps and the kernel's files say."""

import os
import time

import psutil

from judging.host_memory import say_memory
from judging.host_processors import say_processors
from judging.rows import BOOT_ID, NS, Row, octets

DISK = {
    "read_count": "reads", "write_count": "writes", "read_bytes": "read_bytes", "write_bytes": "write_bytes",
    "read_merged_count": "reads_merged", "write_merged_count": "writes_merged",
}  # fmt: skip
DISK_TIMES = {"read_time": "read_time_ns", "write_time": "write_time_ns", "busy_time": "busy_time_ns"}
NETWORK = {
    "bytes_recv": "received_bytes", "packets_recv": "received_packets", "errin": "receive_errors", "dropin": "receive_drops",
    "bytes_sent": "sent_bytes", "packets_sent": "sent_packets", "errout": "send_errors", "dropout": "send_drops",
}  # fmt: skip


def system():
    row = Row()
    say = lambda path, value: row.say("psutil", path, value)
    kernel = lambda path, value: row.say("kernel", path, value)
    for key, value in zip(["kernel_name", "hostname", "kernel_release", "kernel_version", "machine"], os.uname(), strict=True):
        kernel(f"host.{key}", octets(value))
    kernel("host.domainname", octets(open("/proc/sys/kernel/domainname").read().strip()))
    say("boot.time", round(psutil.boot_time()) * NS)
    kernel("boot.uptime_ns", time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    kernel("boot.id", BOOT_ID)
    say_processors(row)
    say_memory(row)
    for name, disk in psutil.disk_io_counters(perdisk=True, nowrap=False).items():
        for key, path in DISK.items():
            say(f"disks[{octets(name)}].{path}", getattr(disk, key))
        for key, path in DISK_TIMES.items():
            say(f"disks[{octets(name)}].{path}", getattr(disk, key) * 10**6)
    say_diskstats(kernel)
    for name, interface in psutil.net_io_counters(pernic=True, nowrap=False).items():
        for key, path in NETWORK.items():
            say(f"network.interfaces[{octets(name)}].counters.{path}", getattr(interface, key))
    for line in open("/proc/net/dev").read().splitlines()[2:]:
        name, _, numbers = line.rpartition(":")
        numbers = numbers.split()
        kernel(f"network.interfaces[{octets(name.strip())}].counters.received_multicast", int(numbers[7]))
        kernel(f"network.interfaces[{octets(name.strip())}].counters.collisions", int(numbers[13]))
    return row.values


def say_diskstats(kernel):
    for line in open("/proc/diskstats"):
        major, minor, name, *numbers = line.split()
        path = f"disks[{octets(name)}]"
        numbers = list(map(int, numbers))
        kernel(f"{path}.major", int(major))
        kernel(f"{path}.minor", int(minor))
        kernel(f"{path}.in_flight", numbers[8])
        kernel(f"{path}.weighted_time_ns", numbers[10] * 10**6)
        if len(numbers) >= 15:
            kernel(f"{path}.discards", numbers[11])
            kernel(f"{path}.discarded_bytes", numbers[13] * 512)
        if len(numbers) >= 17:
            kernel(f"{path}.flushes", numbers[15])
        try:
            size = open(f"/sys/class/block/{name.replace('/', '!')}/size").read()
            kernel(f"{path}.size_bytes", int(size) * 512)
        except FileNotFoundError:
            pass
