"""The snapshot of the host: what psutil, procps and the kernel's files say."""

import os
import time

import psutil

from judging.hardware import say_hardware
from judging.host_disks import say_disks, say_mounts
from judging.host_memory import say_memory
from judging.host_processors import say_processors
from judging.rows import BOOT_ID, NS, Row, octets

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
    say_hardware(row)
    say_disks(row)
    say_mounts(row)
    for name, interface in psutil.net_io_counters(pernic=True, nowrap=False).items():
        for key, path in NETWORK.items():
            say(f"network.interfaces[{octets(name)}].counters.{path}", getattr(interface, key))
    for line in open("/proc/net/dev").read().splitlines()[2:]:
        name, _, numbers = line.rpartition(":")
        numbers = numbers.split()
        kernel(f"network.interfaces[{octets(name.strip())}].counters.received_multicast", int(numbers[7]))
        kernel(f"network.interfaces[{octets(name.strip())}].counters.collisions", int(numbers[13]))
    return row.values
