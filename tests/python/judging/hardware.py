"""Parts of the snapshot of the host that can be made of files, and are shown to the judges as if they were this machine's."""

from judging.host_sensors import say_gpus, say_power, say_sensors
from judging.host_users import say_users
from judging.rows import Row


def hardware():
    row = Row()
    say_hardware(row)
    return row.values


def say_hardware(row):
    say_sensors(row)
    say_power(row)
    say_gpus(row)
    say_users(row)
