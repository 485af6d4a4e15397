"""Sensors, power supplies and graphics processors: what psutil and the files of sysfs say."""

import glob
import os
import re

import psutil

from judging.rows import ANYTHING, NS, absent, octets

HWMON = "/sys/class/hwmon"
THERMAL = "/sys/class/thermal"
POWER = "/sys/class/power_supply"
DRM = "/sys/class/drm"
# Prefix of the files, field, value, its unit, and limits.
KINDS = [
    ("temp", "temperatures", "current_celsius", 1e3, {"min": "low_celsius", "max": "high_celsius", "crit": "critical_celsius"}),
    ("fan", "fans", "revolutions_per_minute", 1, {"min": "low_revolutions_per_minute"}),
    ("in", "voltages", "volts", 1e3, {"min": "low_volts", "max": "high_volts"}),
    ("power", "powers", "watts", 1e6, {}),
    ("curr", "currents", "amperes", 1e3, {}),
    ("energy", "energies", "joules", 1e6, {}),
    ("humidity", "humidities", "humidity_ratio", 1e5, {}),
]


def say_sensors(row):
    for prefix, field, value, unit, limits in KINDS:
        say_channels(row, prefix, f"sensors.{field}", value, unit, limits)
    say_zones(row)
    say_temperatures_of_psutil(row)
    say_fans_of_psutil(row)


def text(path):
    """What a file says, stripped; nothing if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read().strip()
    except OSError:
        return None


def number(path, least=None):
    told = text(path)
    if told is None or not re.fullmatch(rb"-?\d+", told):
        return None
    return int(told) if least is None or int(told) >= least else None


def channels(prefix):
    """(beginning of the files' names, path of the file with the value) of every channel that has a value."""
    for folder in glob.glob(f"{HWMON}/hwmon*"):
        found = set()
        for place in [folder, f"{folder}/device"]:
            for name in sorted(os.listdir(place) if os.path.isdir(place) else []):
                match = re.fullmatch(rf"({prefix}\d+)_(input|average)", name)
                if match and match[1] not in found and (match[2] == "input" or prefix == "power"):
                    found.add(match[1])
                    chosen = "input" if os.path.exists(f"{place}/{match[1]}_input") else match[2]
                    yield f"{place}/{match[1]}", f"{place}/{match[1]}_{chosen}"


def device_of(base):
    """Below /sys/devices; `base` lies in a folder of hwmon or in the device's own."""
    hwmon = re.match(rf"{HWMON}/hwmon\d+", base)[0]
    device = os.path.realpath(f"{hwmon}/device" if os.path.exists(f"{hwmon}/device") else hwmon)
    return device.removeprefix("/sys/devices/") if device.startswith("/sys/devices/") else os.path.basename(hwmon)


def row_of(field, base):
    return f"{field}[{octets(device_of(base))}/{os.path.basename(base)}]"


def say_channels(row, prefix, field, value, unit, limits):
    if not os.path.isdir(HWMON):
        return row.say("kernel", field, absent("unsupported"))
    # Nothing is colder than absolute zero, and nothing turns backwards.
    least = {"temp": -273150, "fan": 0}.get(prefix)
    count = 0
    for base, file in channels(prefix):
        count += 1
        path = row_of(field, base)
        row.say("kernel", f"{path}.sensor.channel", os.path.basename(base))
        row.say("kernel", f"{path}.sensor.device", octets(device_of(base)))
        row.say("kernel", f"{path}.sensor.chip", octets(text(f"{os.path.dirname(base)}/name") or b""))
        label = text(f"{base}_label")
        if label:
            row.say("kernel", f"{path}.sensor.label", octets(label))
        told = number(file, least)
        if told is not None and not number(f"{base}_fault"):
            row.say("kernel", f"{path}.{value}", told / unit if unit != 1 else told)
        for name, limit in limits.items():
            told = number(f"{base}_{name}", least)
            if told is not None:
                row.say("kernel", f"{path}.{limit}", told / unit if unit != 1 else told)
    if not count:
        row.say("kernel", field, absent("none"))


def say_zones(row):
    zones = glob.glob(f"{THERMAL}/thermal_zone*")
    if not zones:
        why = "none" if os.path.isdir(THERMAL) else "unsupported"
        row.say("kernel", "sensors.thermal_zones", absent(why))
    for folder in zones:
        path = f"sensors.thermal_zones[{int(folder.rpartition('zone')[2])}]"
        row.say("kernel", f"{path}.number", int(folder.rpartition("zone")[2]))
        row.say("kernel", f"{path}.kind", octets(text(f"{folder}/type") or b""))
        told = number(f"{folder}/temp", -273150)
        if told is not None:
            row.say("kernel", f"{path}.current_celsius", told / 1e3)
        limits = {}
        for file in glob.glob(f"{folder}/trip_point_*_type"):
            told = number(file.removesuffix("type") + "temp", 1)
            field = {b"critical": "critical", b"hot": "high", b"high": "high", b"passive": "high"}.get(text(file))
            if field and told is not None:
                limits.setdefault(field, []).append(told / 1e3)
        for field, values in limits.items():
            row.say("kernel", f"{path}.{field}_celsius", min(values))


def in_order_of_psutil(prefix):
    """The channels of chips whose name can be read, as psutil lists them, by chip."""
    bases = glob.glob(f"{HWMON}/hwmon*/{prefix}*_*")
    if prefix == "temp" or not bases:
        bases += glob.glob(f"{HWMON}/hwmon*/device/{prefix}*_*")
    chips = {}
    for base in sorted({base.split("_")[0] for base in bases}):
        name = text(f"{os.path.dirname(base)}/name")
        if name is not None and number(f"{base}_input") is not None:
            chips.setdefault(os.fsdecode(name), []).append(base)
    return chips


def say_temperatures_of_psutil(row):
    chips = in_order_of_psutil("temp")
    told = psutil.sensors_temperatures()
    if not glob.glob(f"{HWMON}/hwmon*/temp*_*") and not glob.glob(f"{HWMON}/hwmon*/device/temp*_*"):
        return say_zones_of_psutil(row, told)
    assert told.keys() == chips.keys(), (told, chips)
    for name, bases in chips.items():
        for base, sensor in zip(bases, told[name], strict=True):
            path = row_of("sensors.temperatures", base)
            if number(f"{base}_input", -273150) is not None and not number(f"{base}_fault"):
                row.say("psutil", f"{path}.current_celsius", sensor.current)
            if sensor.label:
                row.say("psutil", f"{path}.sensor.label", octets(sensor.label))
            # psutil copies the one to the other where one is missing.
            if number(f"{base}_max", -273150) is not None:
                row.say("psutil", f"{path}.high_celsius", sensor.high)
            if number(f"{base}_crit", -273150) is not None:
                row.say("psutil", f"{path}.critical_celsius", sensor.critical)


def say_zones_of_psutil(row, told):
    """Zones whose type is theirs alone; psutil divides the limits of zones with several trip points several times."""
    for folder in glob.glob(f"{THERMAL}/thermal_zone*"):
        sensors = told.get(os.fsdecode(text(f"{folder}/type") or b""), [])
        if len(sensors) == 1:
            path = f"sensors.thermal_zones[{int(folder.rpartition('zone')[2])}]"
            row.say("psutil", f"{path}.current_celsius", sensors[0].current)
            if len(glob.glob(f"{folder}/trip_point_*_temp")) == 1 and text(f"{folder}/trip_point_0_type") == b"critical":
                row.say("psutil", f"{path}.critical_celsius", sensors[0].critical)


def say_fans_of_psutil(row):
    bases = [base for base, _ in channels("fan")]
    if any(number(f"{base}_input") is None and text(f"{base}_input") is not None for base in bases):
        # It raises ValueError on what is no number.
        return
    told = psutil.sensors_fans()
    for name, bases in in_order_of_psutil("fan").items():
        for base, fan in zip(bases, told[name], strict=True):
            if number(f"{base}_input", 0) is not None and not number(f"{base}_fault"):
                row.say("psutil", f"{row_of('sensors.fans', base)}.revolutions_per_minute", fan.current)


def say_power(row):
    if not os.path.isdir(POWER):
        return row.say("kernel", "power", absent("unsupported"))
    supplies = sorted(glob.glob(f"{POWER}/*"))
    batteries = [folder for folder in supplies if text(f"{folder}/type") in (b"Battery", b"UPS") and number(f"{folder}/present") != 0]
    own = [folder for folder in supplies if text(f"{folder}/scope") != b"Device"]
    adapters = [folder for folder in own if text(f"{folder}/type") not in (b"Battery", b"UPS")]
    connected = mains_connected(adapters, [folder for folder in batteries if folder in own])
    row.say("kernel", "power.mains_connected", absent("none") if connected is None else connected)
    if not batteries:
        row.say("kernel", "power.batteries", absent("none"))
    for folder in batteries:
        say_battery(row, folder, connected if folder in own else None)
    say_battery_of_psutil(row, batteries, adapters)


def mains_connected(adapters, batteries):
    online = [number(f"{folder}/online") for folder in adapters]
    states = [text(f"{folder}/status") for folder in batteries]
    if any(online) or b"Charging" in states:
        return True
    if (0 in online and batteries) or b"Discharging" in states:
        return False
    return True if b"Full" in states else None


def say_battery(row, folder, connected):
    path = f"power.batteries[{octets(os.path.basename(folder))}]"
    say = lambda field, value: value is not None and row.say("kernel", f"{path}.{field}", value)
    micro = lambda name: None if number(f"{folder}/{name}") is None else abs(number(f"{folder}/{name}")) / 1e6
    words = {name: text(f"{folder}/{name}") for name in ["status", "technology", "scope"]}
    say("name", octets(os.path.basename(folder)))
    for name, word in words.items():
        say(name, word and word.decode())
    names = {
        "energy_now": "energy_watt_hours", "energy_full": "full_energy_watt_hours", "charge_now": "charge_ampere_hours",
        "charge_full": "full_charge_ampere_hours", "voltage_now": "volts", "energy_full_design": "design_energy_watt_hours",
    }  # fmt: skip
    for name, field in names.items():
        say(field, micro(name))
    say("cycles", number(f"{folder}/cycle_count"))
    watts, amperes, volts = micro("power_now"), micro("current_now"), micro("voltage_now")
    if watts is None and None not in (amperes, volts):
        watts = amperes * volts
    say("power_watts", watts)
    energy, charge, capacity = micro("energy_now"), micro("charge_now"), number(f"{folder}/capacity")
    if energy is not None and micro("energy_full"):
        say("charge_ratio", min(1, energy / micro("energy_full")))
    elif charge is not None and micro("charge_full"):
        say("charge_ratio", min(1, charge / micro("charge_full")))
    elif capacity is not None:
        say("charge_ratio", capacity / 100)
    hours = None
    if energy is not None and watts:
        hours = energy / watts
    elif charge is not None and amperes:
        hours = charge / amperes
    draws = words["status"] == b"Discharging" or (words["status"] != b"Charging" and connected is False)
    if draws and hours is not None:
        say("time_left_ns", hours * 3600 * NS)
    # What follows from these needs no judge of its own: unit tests of host.
    for field in ["time_to_full_ns"] + ([] if draws and hours is not None else ["time_left_ns"]):
        say(field, ANYTHING)


def say_battery_of_psutil(row, batteries, adapters):
    """psutil looks at the battery with the smallest name, and at adapters called AC and AC0."""
    names = [os.path.basename(folder) for folder in batteries]
    told = psutil.sensors_battery()
    found = [name for name in sorted(os.listdir(POWER)) if name.startswith("BAT") or "battery" in name.lower()]
    if told is None or not found or found[0] not in names:
        return
    path = f"power.batteries[{octets(found[0])}]"
    row.say("psutil", f"{path}.charge_ratio", told.percent / 100)
    if told.secsleft >= 0:
        row.say("psutil", f"{path}.time_left_ns", told.secsleft * NS)
    if told.power_plugged is not None and {os.path.basename(folder) for folder in adapters} <= {"AC", "AC0"}:
        row.say("psutil", "power.mains_connected", told.power_plugged)


def say_gpus(row):
    cards = [path for path in glob.glob(f"{DRM}/card*") if re.fullmatch(r"card\d+", os.path.basename(path))]
    if not cards:
        has_nvidia = os.path.exists("/proc/driver/nvidia/version") or os.path.exists("/dev/nvidiactl")
        why = ANYTHING if has_nvidia else absent("none" if os.path.isdir(DRM) else "unsupported")
        row.say("kernel", "gpus", why)
    for card in cards:
        path = f"gpus[{os.path.basename(card)}]"
        row.say("kernel", f"{path}.name", os.path.basename(card))
        device = os.path.realpath(f"{card}/device")
        bus = os.path.dirname(device) if os.path.basename(device).startswith("virtio") else device
        if re.fullmatch(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", os.path.basename(bus)):
            row.say("kernel", f"{path}.address", os.path.basename(bus))
            row.say("kernel", f"{path}.vendor_id", int(text(f"{bus}/vendor"), 16))
            row.say("kernel", f"{path}.device_id", int(text(f"{bus}/device"), 16))
        if os.path.exists(f"{card}/device/driver"):
            row.say("kernel", f"{path}.driver", os.path.basename(os.path.realpath(f"{card}/device/driver")))
        for name, field in {"mem_info_vram_total": "memory_total_bytes", "mem_info_vram_used": "memory_used_bytes"}.items():
            told = number(f"{card}/device/{name}")
            row.say("kernel", f"{path}.{field}", ANYTHING if told is None else told)
        # Unit tests of host: what a card does at the moment, and what NVIDIA's library tells.
        for field in ["busy_ratio", "celsius", "watts", "model"]:
            row.say("kernel", f"{path}.{field}", ANYTHING)
