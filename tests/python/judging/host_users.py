"""Who is logged in: what psutil, who and the files of systemd-logind say."""

import os
import re
import subprocess

import psutil

from judging.rows import NS, absent, octets

UTMP = ["/run/utmp", "/var/run/utmp"]
SESSIONS = "/run/systemd/sessions"


def say_users(row):
    if any(map(os.path.exists, UTMP)):
        say_utmp(row)
    elif os.path.isdir(SESSIONS):
        say_logind(row)
    else:
        row.say("kernel", "users", absent("unsupported"))


def say_utmp(row):
    # psutil keeps records of sessions whose process has gone; who does not.
    users = [user for user in psutil.users() if not user.pid or os.path.exists(f"/proc/{user.pid}")]
    # Where a field has no end, psutil 7.2.2 reads on into the next.
    cut = lambda value, length: os.fsdecode(os.fsencode(value)[:length])
    paths = numbered(cut(user.name, 32) for user in users)
    for path, user in zip(paths, users, strict=True):
        row.say("psutil", f"{path}.name", octets(cut(user.name, 32)))
        row.say("psutil", f"{path}.terminal", octets(cut(user.terminal, 32)) if user.terminal else absent("none"))
        host = user.host and cut(user.host, 256)
        is_local = not host or host == "localhost" or re.fullmatch(r":\d+(\.\d+)?", host)
        row.say("psutil", f"{path}.host", absent("none") if is_local else octets(host))
        row.say("psutil", f"{path}.started", round(user.started) * NS)
        row.say("psutil", f"{path}.pid", user.pid or absent("none"))
    if not users:
        row.say("psutil", "users", absent("none"))
    say_who(row)


def say_who(row):
    """NAME LINE ... (HOST), of names and lines without blanks."""
    told = subprocess.run(["who"], capture_output=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout
    lines = [line.split() for line in told.splitlines()]
    for path, line in zip(numbered(os.fsdecode(line[0]) for line in lines), lines, strict=True):
        row.say("who", f"{path}.name", octets(line[0]))
        row.say("who", f"{path}.terminal", octets(line[1]))
    if not lines:
        row.say("who", "users", absent("none"))


def say_logind(row):
    sessions = []
    names = [name for name in os.listdir(SESSIONS) if re.fullmatch(r"[A-Za-z0-9]+", name)]
    # "c2" before "c10", numbers before all of these.
    for name in sorted(names, key=lambda name: (name.rstrip("0123456789"), int(re.search(r"\d*$", name)[0] or -1))):
        pairs = (line.rstrip("\n").partition("=") for line in open(f"{SESSIONS}/{name}", errors="surrogateescape"))
        session = {key: value.strip('"') for key, _, value in pairs if value}
        leader = session.get("LEADER")
        is_there = not leader or os.path.exists(f"/proc/{leader}")
        if session.get("CLASS", "user").startswith("user") and session.get("STATE") != "closing" and is_there:
            sessions.append({"ID": name, **session})
    for path, session in zip(numbered(session.get("USER", "") for session in sessions), sessions, strict=True):
        values = {"name": octets(session.get("USER", "")), "session_id": session["ID"]}
        for key, field in {"TTY": "terminal", "REMOTE_HOST": "host"}.items():
            values[field] = octets(session[key]) if key in session else None
        for key, field in {"CLASS": "session_class", "TYPE": "session_kind", "SEAT": "seat"}.items():
            values[field] = session.get(key)
        for key, field in {"LEADER": "pid", "UID": "uid"}.items():
            values[field] = int(session[key]) if key in session else None
        values["started"] = int(session["REALTIME"]) * 1000 if "REALTIME" in session else None
        row.say_all("logind", path, values)
    if not sessions:
        row.say("logind", "users", absent("none"))


def numbered(names):
    """Rows of the same name are numbered."""
    counts = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        yield f"users[{octets(name)}]" if counts[name] == 1 else f"users[{octets(name)}#{counts[name]}]"
