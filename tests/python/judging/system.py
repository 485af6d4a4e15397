"""The snapshot of the host: what psutil, procps and the kernel's files say."""

import os
import time

import psutil

from judging.hardware import say_hardware
from judging.host_cgroup import say_cgroup
from judging.host_disks import say_disks, say_mounts
from judging.host_memory import say_memory
from judging.host_network import say_network
from judging.host_processors import say_processors
from judging.rows import BOOT_ID, NS, Row, octets



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
    say_network(row)
    say_cgroup(row)
    return row.values
