"""A gRPC client as anyone would write it: stubs generated from the .proto files, a client certificate, no code of procwire's.

generic_client.py PROTO_FOLDER ADDRESS CA CERTIFICATE KEY
"""

import importlib
import json
import pathlib
import sys
import tempfile

import grpc
from grpc_tools import protoc
from importlib import resources

proto, address, ca, certificate, key = sys.argv[1:]

stubs = tempfile.TemporaryDirectory()
files = sorted(str(path) for path in pathlib.Path(proto).glob("procwire/v1/*.proto"))
well_known = str(resources.files("grpc_tools") / "_proto")
failed = protoc.main(["protoc", f"-I{proto}", f"-I{well_known}", f"--python_out={stubs.name}", f"--grpc_python_out={stubs.name}", *files])
if failed:
    sys.exit("protoc does not accept the .proto files")
sys.path.insert(0, stubs.name)


def generated(name):
    return importlib.import_module(f"procwire.v1.{name}")


def read(path):
    return pathlib.Path(path).read_bytes()


credentials = grpc.ssl_channel_credentials(read(ca), read(key), read(certificate))
with grpc.secure_channel(address, credentials) as channel:
    processes = {}
    summary = None
    stub = generated("process_service_pb2_grpc").ProcessServiceStub(channel)
    request = generated("process_service_pb2").ListProcessesRequest()
    request.read_mask.paths.extend(["pid", "name"])
    for response in stub.ListProcesses(request, timeout=20):
        for process in response.processes:
            processes[process.pid] = process.name.hex()
        if response.HasField("summary"):
            summary = response.summary

    stub = generated("system_service_pb2_grpc").SystemServiceStub(channel)
    system = stub.GetSystem(generated("system_service_pb2").GetSystemRequest(), timeout=20).system

    stub = generated("control_service_pb2_grpc").ControlServiceStub(channel)
    denied = {}
    try:
        for _ in stub.TerminateProcesses(generated("control_service_pb2").TerminateProcessesRequest(), timeout=20):
            pass
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        denied = {"code": error.code().name, "reason": "ROLE_MISSING" if b"ROLE_MISSING" in details else repr(details)}

json.dump(
    {"processes": processes, "returned": summary.returned, "memory_total_bytes": system.memory.total_bytes, "denied": denied},
    sys.stdout,
)
