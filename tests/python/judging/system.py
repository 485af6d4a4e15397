"""The snapshot of the host: what psutil, free and the kernel's files say."""

import os
import re
import subprocess
import time

import psutil

from judging.rows import BOOT_ID, NS, Row, octets, ticks_to_ns

CPU_TIMES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"]
MEMORY = {
    "total": "total_bytes", "available": "available_bytes", "used": "used_bytes", "free": "free_bytes", "buffers": "buffers_bytes",
    "cached": "cached_bytes", "shared": "shared_bytes", "active": "active_bytes", "inactive": "inactive_bytes", "slab": "slab_bytes",
}  # fmt: skip
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
    say_cpu(say, kernel)
    say_memory(say, kernel, row)
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


def say_cpu(say, kernel):
    times = psutil.cpu_times()
    for name in CPU_TIMES:
        say(f"cpu.times.{name}_ns", ticks_to_ns(getattr(times, name)))
    numbers = [int(number) for number in re.findall(r"^cpu(\d+)", open("/proc/stat").read(), re.M)]
    for number, times in zip(numbers, psutil.cpu_times(percpu=True), strict=True):
        kernel(f"cpu.cpus[{number}].number", number)
        for name in CPU_TIMES:
            say(f"cpu.cpus[{number}].times.{name}_ns", ticks_to_ns(getattr(times, name)))
    say("cpu.logical_count", psutil.cpu_count())
    kernel("cpu.usable_count", len(os.sched_getaffinity(0)))
    stats = psutil.cpu_stats()
    say("cpu.context_switches", stats.ctx_switches)
    say("cpu.interrupts", stats.interrupts)
    say("cpu.soft_interrupts", stats.soft_interrupts)
    counters = dict(line.split()[:2] for line in open("/proc/stat") if not line.startswith(("cpu", "intr")))
    kernel("cpu.forks", int(counters["processes"]))
    kernel("cpu.running_threads", int(counters["procs_running"]))
    kernel("cpu.blocked_threads", int(counters["procs_blocked"]))
    for name, value in zip(["one", "five", "fifteen"], psutil.getloadavg(), strict=True):
        say(f"load.{name}_minute" + ("" if name == "one" else "s"), value)
    runnable, total = open("/proc/loadavg").read().split()[3].split("/")
    kernel("load.runnable_threads", int(runnable))
    kernel("load.total_threads", int(total))


def say_memory(say, kernel, row):
    memory = psutil.virtual_memory()
    for key, path in MEMORY.items():
        say(f"memory.{path}", getattr(memory, key))
    say("memory.used_ratio", memory.percent / 100)
    swap = psutil.swap_memory()
    for key, path in {"total": "total", "used": "used", "free": "free", "sin": "swapped_in", "sout": "swapped_out"}.items():
        say(f"swap.{path}_bytes", getattr(swap, key))
    say("swap.used_ratio", swap.percent / 100)
    for name, number, unit in re.findall(r"^(.*?):\s*(\d+)( kB)?$", open("/proc/meminfo").read(), re.M):
        path = f"memory.statistics[{name}].{'bytes' if unit else 'count'}"
        kernel(path, int(number) * (1024 if unit else 1))
        if name == "SwapCached":
            kernel("swap.cached_bytes", int(number) * 1024)
    free = subprocess.run(["free", "-b", "-w"], capture_output=True, check=True, text=True, env={"LC_ALL": "C", **os.environ})
    told = [line.split() for line in free.stdout.splitlines()]
    for key, value in zip(told[0], told[1][1:], strict=True):
        path = {"buffers": "buffers_bytes", "cache": "cached_bytes"}.get(key, f"{key}_bytes")
        row.say("free", f"memory.{path}", int(value))
    for key, value in zip(["total", "used", "free"], told[2][1:4], strict=True):
        row.say("free", f"swap.{key}_bytes", int(value))


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
