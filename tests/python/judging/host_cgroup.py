"""The control group of whoever asks: what the kernel's files say. The agent under test is in the same group as the judge."""

import os
import re

from judging.rows import TICKS, absent, octets

TREE = "/sys/fs/cgroup"
UNLIMITED = (1 << 63) - 1 - ((1 << 63) - 1) % os.sysconf("SC_PAGESIZE")


def say_cgroup(row):
    kernel = lambda path, value: value is None or row.say("kernel", path, value)
    paths, folders = membership()
    if "" in paths:
        kernel("cgroup.path", octets(paths[""]))
    for controllers, path in paths.items():
        if controllers:
            kernel(f"cgroup.v1[{octets(controllers)}].controllers", octets(controllers))
            kernel(f"cgroup.v1[{octets(controllers)}].path", octets(path))
    # What the agent cannot see of itself is not judged: it must be absent, and the unit tests say why.
    groups = {name: Group(paths, folders, name) for name in ["", "cpu", "cpuacct", "memory", "blkio", "pids", "freezer"]}
    kernel("cpu.quota_cpus", say_cpu(kernel, groups) or absent("none" if groups["cpu"].files else "unsupported"))
    say_memory(kernel, groups["memory"])
    say_io(kernel, groups["blkio"])
    pids = groups["pids"]
    kernel("cgroup.pids.current", pids.number("pids.current"))
    kernel("cgroup.pids.limit", pids.limit("pids.max"))
    kernel("cgroup.pids.effective_limit", pids.least("pids.max"))
    kernel("cgroup.pids.limit_hits", pids.line("pids.events", "max"))
    say_state(kernel, groups, paths, folders)


def membership():
    """Path by controllers as the kernel lists them, and the folder at the top of each tree that shows that path."""
    paths = {}
    for line in open("/proc/self/cgroup").read().splitlines():
        _, controllers, path = line.split(":", 2)
        paths[controllers] = path
    folders = {}
    for line in open("/proc/self/mountinfo").read().splitlines():
        before, after = line.split(" - ")
        top, point = before.split()[3:5]
        kind, _, options = after.split()
        for controllers, path in paths.items():
            fits = kind == "cgroup2" if not controllers else kind == "cgroup" and set(controllers.split(",")) <= set(options.split(","))
            if fits and point.startswith(TREE) and (path + "/").startswith(top.rstrip("/") + "/"):
                folders.setdefault(controllers, (point, (path + "/")[len(top.rstrip("/")) :].strip("/")))
    return paths, folders


class Group:
    """The folders of the group in the tree of one controller, its own first, then those above it."""

    def __init__(self, paths, folders, controller):
        v1 = [controllers for controllers in paths if controller and controller in controllers.split(",")]
        self.is_v1 = bool(v1)
        point, path = folders.get(v1[0] if v1 else "", (None, ""))
        parts = path.split("/") if path else []
        self.files = [os.path.join(point, *parts[:count]) for count in range(len(parts), -1, -1)] if point else []

    def text(self, name, folder=0):
        try:
            return open(os.path.join(self.files[folder], name)).read()
        except (OSError, IndexError):
            return None

    def number(self, name, folder=0):
        text = self.text(name, folder)
        return int(text) if text is not None and text.strip().isdigit() else None

    def limit(self, name, folder=0):
        value = self.number(name, folder)
        return None if value is None or value >= UNLIMITED else value

    def line(self, name, key):
        found = re.search(rf"(?m)^{key} (\d+)$", self.text(name) or "")
        return int(found.group(1)) if found else None

    def least(self, name):
        return least(self.limit(name, folder) for folder in range(len(self.files)))


def least(limits):
    return min((limit for limit in limits if limit is not None), default=None)


def times(value, unit):
    return None if value is None else value * unit


def say_cpu(kernel, groups):
    cpu, cpuacct, unified = groups["cpu"], groups["cpuacct"], groups[""]
    if cpuacct.is_v1 and cpuacct.files:
        kernel("cgroup.cpu.usage_ns", cpuacct.number("cpuacct.usage"))
        kernel("cgroup.cpu.user_ns", times(cpuacct.line("cpuacct.stat", "user"), 10**9 // TICKS))
        kernel("cgroup.cpu.system_ns", times(cpuacct.line("cpuacct.stat", "system"), 10**9 // TICKS))
    else:
        for field in ["usage", "user", "system"]:
            kernel(f"cgroup.cpu.{field}_ns", times(unified.line("cpu.stat", f"{field}_usec"), 1000))
    kernel("cgroup.cpu.periods", cpu.line("cpu.stat", "nr_periods"))
    kernel("cgroup.cpu.throttled_periods", cpu.line("cpu.stat", "nr_throttled"))
    throttled = cpu.line("cpu.stat", "throttled_time") if cpu.is_v1 else times(cpu.line("cpu.stat", "throttled_usec"), 1000)
    kernel("cgroup.cpu.throttled_ns", throttled)
    shares = cpu.number("cpu.shares")
    weight = cpu.number("cpu.weight") if shares is None else min(max((shares * 100 + 512) // 1024, 1), 10000)
    kernel("cgroup.cpu.weight", weight)

    def cpus(folder):
        words = (cpu.text("cpu.max", folder) or "max").split()
        if cpu.is_v1:
            words = [(cpu.text("cpu.cfs_quota_us", folder) or "-1").strip(), cpu.text("cpu.cfs_period_us", folder)]
        return int(words[0]) / int(words[1]) if words[0].isdigit() else None

    limits = [cpus(folder) for folder in range(len(cpu.files))] or [None]
    kernel("cgroup.cpu.limit_cpus", limits[0])
    kernel("cgroup.cpu.effective_limit_cpus", least(limits))
    return least(limits)


def say_memory(kernel, memory):
    say = lambda field, value: kernel(f"cgroup.memory.{field}", value)
    if not memory.is_v1:
        for field, name in [("usage", "current"), ("peak", "peak"), ("swap", "swap.current")]:
            say(f"{field}_bytes", memory.number(f"memory.{name}"))
        for field, name in [("limit", "max"), ("high", "high"), ("swap_limit", "swap.max")]:
            say(f"{field}_bytes", memory.limit(f"memory.{name}"))
        say("effective_limit_bytes", memory.least("memory.max"))
        for field, key in [("oom_kills", "oom_kill"), ("limit_hits", "max"), ("high_hits", "high"), ("out_of_memory_events", "oom")]:
            say(field, memory.line("memory.events", key))
        usage, inactive = memory.number("memory.current"), memory.line("memory.stat", "inactive_file")
    else:
        usage, inactive = memory.number("memory.usage_in_bytes"), memory.line("memory.stat", "total_inactive_file")
        both = memory.number("memory.memsw.usage_in_bytes")
        say("usage_bytes", usage)
        say("peak_bytes", memory.number("memory.max_usage_in_bytes"))
        say("limit_bytes", memory.limit("memory.limit_in_bytes"))
        above = memory.line("memory.stat", "hierarchical_memory_limit")
        say("effective_limit_bytes", above if above is not None and above < UNLIMITED else None)
        say("swap_bytes", None if None in (both, usage) else max(both - usage, 0))
        both, alone = memory.limit("memory.memsw.limit_in_bytes"), memory.limit("memory.limit_in_bytes")
        say("swap_limit_bytes", None if both is None else both - (alone or 0))
        say("limit_hits", memory.number("memory.failcnt"))
        say("oom_kills", memory.line("memory.oom_control", "oom_kill"))
    if None not in (usage, inactive):
        say("working_set_bytes", max(usage - inactive, 0))


def say_io(kernel, io):
    names, seen = {}, {}

    def row(device):
        # Rows are named by their first field, the major number.
        if device not in names:
            major, minor = device.split(":")
            seen[major] = seen.get(major, 0) + 1
            names[device] = f"cgroup.io[{major}]" if seen[major] == 1 else f"cgroup.io[{major}#{seen[major]}]"
            kernel(f"{names[device]}.major", int(major))
            kernel(f"{names[device]}.minor", int(minor))
        return names[device]

    figures = {"rbytes": "read_bytes", "wbytes": "write_bytes", "rios": "reads", "wios": "writes"}
    limits = {"rbps": "read_bytes_per_second_limit", "wbps": "write_bytes_per_second_limit"}
    for name, fields in [] if io.is_v1 else [("io.stat", figures), ("io.max", limits)]:
        for device, pairs in re.findall(r"(\d+:\d+) ((?:\w+(?:\.\w+)?=\w+ ?)+)", io.text(name) or ""):
            for key, value in (pair.split("=") for pair in pairs.split()):
                if key in fields and value.isdigit():
                    kernel(f"{row(device)}.{fields[key]}", int(value))
    fields = {("io_service_bytes", "Read"): "read_bytes", ("io_service_bytes", "Write"): "write_bytes"}
    fields |= {("io_serviced", "Read"): "reads", ("io_serviced", "Write"): "writes"}
    for name in ["io_service_bytes", "io_serviced"] if io.is_v1 else []:
        text = io.text(f"blkio.throttle.{name}_recursive") or io.text(f"blkio.throttle.{name}") or ""
        for device, operation, value in re.findall(r"(?m)^(\d+:\d+) (Read|Write) (\d+)$", text):
            kernel(f"{row(device)}.{fields[name, operation]}", int(value))
    for side in ["read", "write"] if io.is_v1 else []:
        for device, value in re.findall(r"(?m)^(\d+:\d+) (\d+)$", io.text(f"blkio.throttle.{side}_bps_device") or ""):
            kernel(f"{row(device)}.{side}_bytes_per_second_limit", int(value))


def say_state(kernel, groups, paths, folders):
    unified, freezer = groups[""], groups["freezer"]
    for resource in ["cpu", "memory", "io", "irq"]:
        for line in (unified.text(f"{resource}.pressure") or "").splitlines():
            kind, *pairs = line.split()
            values = dict(pair.split("=") for pair in pairs)
            for field, key in [("ten_seconds", "avg10"), ("one_minute", "avg60"), ("five_minutes", "avg300")]:
                kernel(f"cgroup.pressure.{resource}.{kind}.{field}_ratio", float(values[key]) / 100)
            kernel(f"cgroup.pressure.{resource}.{kind}.total_ns", int(values["total"]) * 1000)
    populated, frozen = (unified.line("cgroup.events", key) for key in ["populated", "frozen"])
    kernel("cgroup.populated", None if populated is None else populated == 1)
    states = [] if frozen is None else [frozen == 1]
    if freezer.is_v1 and freezer.text("freezer.state") is not None:
        states.append(freezer.text("freezer.state").strip() == "FROZEN")
    kernel("cgroup.frozen", any(states) if states else None)
    seen = [names for names in paths if names in folders and names and not names.startswith("name=")]
    of_v1 = [name for names in seen for name in names.split(",")]
    kernel("cgroup.controllers", (unified.text("cgroup.controllers") or "").split() + of_v1)
