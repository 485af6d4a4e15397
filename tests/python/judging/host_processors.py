"""Processors, load and pressure: what psutil, lscpu, vmstat and the kernel's files say."""

import glob
import os
import re
import subprocess

import psutil

from judging.rows import ANYTHING, absent, octets, read, ticks_to_ns

CPU = "/sys/devices/system/cpu"
CPU_TIMES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"]
KINDS = {"cpu_core": "PERFORMANCE", "cpu_atom": "EFFICIENCY", "cpu_lowpower": "LOW_POWER"}
POLICY = {
    "current_hz": "scaling_cur_freq", "min_hz": "scaling_min_freq", "max_hz": "scaling_max_freq",
    "hardware_min_hz": "cpuinfo_min_freq", "hardware_max_hz": "cpuinfo_max_freq",
}  # fmt: skip


def say_processors(row):
    say_times(row)
    say_counts(row)
    say_topology(row)
    say_frequencies(row)
    say_load(row)
    say_pressure(row)


def say_times(row):
    times = psutil.cpu_times()
    for name in CPU_TIMES:
        row.say("psutil", f"cpu.times.{name}_ns", ticks_to_ns(getattr(times, name)))
    for number, times in zip(online(), psutil.cpu_times(percpu=True), strict=True):
        row.say("kernel", f"cpu.cpus[{number}].number", number)
        for name in CPU_TIMES:
            row.say("psutil", f"cpu.cpus[{number}].times.{name}_ns", ticks_to_ns(getattr(times, name)))
    stats = psutil.cpu_stats()
    row.say("psutil", "cpu.context_switches", stats.ctx_switches)
    row.say("psutil", "cpu.interrupts", stats.interrupts)
    row.say("psutil", "cpu.soft_interrupts", stats.soft_interrupts)
    counters = dict(line.split()[:2] for line in open("/proc/stat") if not line.startswith(("cpu", "intr")))
    row.say("kernel", "cpu.forks", int(counters["processes"]))
    row.say("kernel", "cpu.running_threads", int(counters["procs_running"]))
    row.say("kernel", "cpu.blocked_threads", int(counters["procs_blocked"]))


def say_counts(row):
    row.say("psutil", "cpu.logical_count", psutil.cpu_count())
    row.say("kernel", "cpu.usable_count", len(os.sched_getaffinity(0)))
    row.say("psutil", "cpu.physical_count", psutil.cpu_count(logical=False) or absent("unsupported"))
    told = subprocess.run(["lscpu", "--parse=CPU,CORE,SOCKET"], capture_output=True, text=True, check=True).stdout
    told = [line.split(",") for line in told.splitlines() if not line.startswith("#")]
    row.say("lscpu", "cpu.logical_count", len(told))
    row.say("lscpu", "cpu.physical_count", len({(socket, core) for _, core, socket in told}))
    present, working = numbers(f"{CPU}/present"), numbers(f"{CPU}/online")
    row.say("kernel", "cpu.offline_cpus", sorted(set(present) - set(working)))


def say_topology(row):
    models = re.findall(rb"^model name\s*: (.+)$", read("/proc/cpuinfo"), re.M)
    row.say("kernel", "cpu.models", [octets(model) for model in dict.fromkeys(models)] or absent("unsupported"))
    kinds = {
        number: kind
        for device, kind in KINDS.items()
        if os.path.exists(f"/sys/devices/{device}/cpus")
        for number in numbers(f"/sys/devices/{device}/cpus")
    }
    for number in online():
        path, folder = f"cpu.cpus[{number}]", f"{CPU}/cpu{number}"
        for field, name in [("core_id", "core_id"), ("package_id", "physical_package_id")]:
            value = int(read(f"{folder}/topology/{name}"))
            row.say("kernel", f"{path}.{field}", absent("unsupported") if value < 0 else value)
        row.say("kernel", f"{path}.kind", f"CPU_KIND_{kinds[number]}" if number in kinds else absent("none"))
        has_capacity = os.path.exists(f"{folder}/cpu_capacity")
        row.say("kernel", f"{path}.capacity", int(read(f"{folder}/cpu_capacity")) if has_capacity else absent("none"))


def say_frequencies(row):
    by_policy = say_policies(row)
    frequencies = psutil.cpu_freq(percpu=True)
    working = online()
    for place, number in enumerate(working):
        path = f"cpu.cpus[{number}].frequency_hz"
        if len(frequencies) == len(working):
            # psutil lists them without their numbers, and up to 7.2 one for each policy where cpuinfo tells none.
            row.say("psutil", path, round(frequencies[place].current * 1e6))
        else:
            row.say("kernel", path, by_policy.get(number, absent("unsupported")))


def say_policies(row):
    policies = glob.glob(f"{CPU}/cpufreq/policy*")
    if not policies:
        row.say("kernel", "cpu.frequency_policies", absent("unsupported"))
    by_policy = {}
    for folder in policies:
        try:
            cpus = sorted(map(int, read(f"{folder}/affected_cpus").split()))
        except OSError:
            continue  # None of them is online.
        number = int(folder.rpartition("policy")[2])
        path = f"cpu.frequency_policies[{number}]"
        row.say("kernel", f"{path}.number", number)
        row.say("kernel", f"{path}.cpus", cpus)
        row.say("kernel", f"{path}.governor", read(f"{folder}/scaling_governor").decode().strip())
        for field, name in POLICY.items():
            text = read(f"{folder}/{name}").strip()
            row.say("kernel", f"{path}.{field}", int(text) * 1000 if text.isdigit() else ANYTHING)
            if field == "current_hz" and text.isdigit():
                by_policy.update(dict.fromkeys(cpus, int(text) * 1000))
    return by_policy


def say_load(row):
    for name, value in zip(["one", "five", "fifteen"], psutil.getloadavg(), strict=True):
        row.say("psutil", f"load.{name}_minute" + ("" if name == "one" else "s"), value)
    runnable, total = open("/proc/loadavg").read().split()[3].split("/")
    row.say("kernel", "load.runnable_threads", int(runnable))
    row.say("kernel", "load.total_threads", int(total))


def say_pressure(row):
    if not os.path.exists("/proc/pressure"):
        return row.say("kernel", "pressure", absent("unsupported"))
    for resource in ["cpu", "memory", "io", "irq"]:
        try:
            lines = open(f"/proc/pressure/{resource}").read().splitlines()
        except FileNotFoundError:
            row.say("kernel", f"pressure.{resource}", absent("unsupported"))
            continue
        for kind, *columns in map(str.split, lines):
            values = dict(column.split("=") for column in columns)
            path = f"pressure.{resource}.{kind}"
            for column, field in [("avg10", "ten_seconds"), ("avg60", "one_minute"), ("avg300", "five_minutes")]:
                row.say("kernel", f"{path}.{field}_ratio", float(values[column]) / 100)
            row.say("kernel", f"{path}.total_ns", int(values["total"]) * 1000)


def online():
    return [int(number) for number in re.findall(r"^cpu(\d+)", open("/proc/stat").read(), re.M)]


def numbers(path):
    """ "0-3,8" """
    found = []
    for part in filter(None, open(path).read().strip().split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
