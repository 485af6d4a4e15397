"""What smaps and smaps_rollup say, mapping by mapping."""

import functools
import os

from judging.rows import DELETED, absent, octets, read

SIZES = {
    b"Size": "size_bytes", b"Rss": "resident_bytes", b"Pss": "proportional_bytes", b"Shared_Clean": "shared_clean_bytes",
    b"Shared_Dirty": "shared_dirty_bytes", b"Private_Clean": "private_clean_bytes", b"Private_Dirty": "private_dirty_bytes",
    b"Referenced": "referenced_bytes", b"Anonymous": "anonymous_bytes", b"Swap": "swap_bytes",
}  # fmt: skip


def ask_memory(row, subject):
    paths = ["unique_bytes", "proportional_bytes", "swap_bytes", "proportional_swap_bytes"]
    row.ask("kernel", [f"memory_footprint.{path}" for path in paths], lambda: footprint(subject))
    # Read once: the kernel holds the process's memory map while it writes.
    read_once = functools.cache(lambda: list(mappings(subject)))
    for field, question in [("memory_maps", say_maps), ("memory_map_groups", say_groups)]:
        row.list("kernel", field, lambda question=question: question(row, read_once()), subject.without)
        if subject.is_zombie:
            row.say("kernel", field, absent("zombie"))


def footprint(subject):
    try:
        text = read(subject.file("smaps_rollup"))
    except (FileNotFoundError, ProcessLookupError):
        text = read(subject.file("smaps"))
    sums = dict.fromkeys([b"Private", b"Pss", b"Swap", b"SwapPss"], 0)
    for line in text.splitlines():
        key, colon, value = line.partition(b":")
        key = b"Private" if key.startswith(b"Private_") else key
        if colon and key in sums:
            sums[key] += int(value.split()[0]) * 1024
    return tuple(sums.values())


def say_maps(row, found):
    count = 0
    for header, sizes in found:
        path = f"memory_maps[{header['start_address']}]"
        name = header["path"]
        row.say_all("kernel", path, {**header, **sizes, "path": octets(name) if name else absent("none")})
        count += 1
    return count


def say_groups(row, found):
    groups = {}
    for header, sizes in found:
        group = groups.setdefault((header["path"], header["deleted"]), {"map_count": 0})
        group["map_count"] += 1
        for size, value in sizes.items():
            group[size] = group.get(size, 0) + value
    for (name, deleted), sizes in groups.items():
        path = f"memory_map_groups[{octets(name)}{'!' if deleted else ''}]"
        row.say("kernel", f"{path}.path", octets(name) if name else absent("none"))
        row.say_all("kernel", path, {"deleted": deleted, **sizes})
    order = [octets(name) + ("!" if deleted else "") for name, deleted in groups]
    if order:
        row.say("kernel", "memory_map_groups.order", order)
    return len(groups)


def mappings(subject):
    header, sizes = None, {}
    for line in read(subject.file("smaps")).splitlines():
        first = line.split(b" ", 1)[0]
        if not first.endswith(b":"):
            if header:
                yield header, sizes
            header, sizes = header_of(subject, line), {}
        elif first[:-1] in SIZES:
            sizes[SIZES[first[:-1]]] = int(line.split()[1]) * 1024
    if header:
        yield header, sizes


def header_of(subject, line):
    range, permissions, offset, device, inode, *path = line.split(None, 5)
    start, end = (int(address, 16) for address in range.split(b"-"))
    major, minor = (int(number, 16) for number in device.split(b":"))
    # fs/seq_file.c: mangle_path() writes a newline of a name as \012.
    path = path[0].replace(b"\\012", b"\n") if path else b""
    deleted = path.endswith(DELETED) and not is_called(subject, path, major, minor, int(inode))
    return {
        "start_address": start,
        "end_address": end,
        "permissions": permissions.decode(),
        "offset_bytes": int(offset, 16),
        "device_major": major,
        "device_minor": minor,
        "inode": int(inode),
        "path": path.removesuffix(DELETED) if deleted else path,
        "deleted": deleted,
    }


def is_called(subject, path, major, minor, inode):
    try:
        found = os.stat(subject.file("root").encode() + path)
    except OSError:
        return False
    return (os.major(found.st_dev), os.minor(found.st_dev), found.st_ino) == (major, minor, inode)
