"""What OpenSSL gets from an agent: tls_probe.py ADDRESS CA CERTIFICATE KEY TLSv1.2|TLSv1.3

Prints {"version", "alpn", "answered", "has_ticket"}, or {"version": null, "error"}.
"""

import json
import socket
import ssl
import sys

address, ca, certificate, key, version = sys.argv[1:]
host, _, port = address.rpartition(":")

context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.minimum_version = context.maximum_version = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}[version]
context.load_verify_locations(ca)
context.load_cert_chain(certificate, key)
context.set_alpn_protocols(["h2"])
try:
    with socket.create_connection((host, int(port)), timeout=20) as plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        # The preface of HTTP/2 and empty SETTINGS: the answer comes after any session ticket would.
        tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        answered = len(tls.recv(1024)) > 0
        told = {
            "version": tls.version(),
            "alpn": tls.selected_alpn_protocol(),
            "answered": answered,
            "has_ticket": tls.session.has_ticket,
        }
except (ssl.SSLError, ConnectionError) as error:
    told = {"version": None, "error": str(error)}
json.dump(told, sys.stdout)
