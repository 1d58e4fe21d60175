"""Starts moto, the emulated AWS account, for one parent process.

Usage: python serve.py [PORT] [SERVICE ...]

Listens on 127.0.0.1 only, on PORT (0 or absent: a free one), prints `ready PORT` on standard output once
it accepts connections, and ends when its standard input reaches end of file. The parent holds the other
end of that pipe, so the kernel closes it however the parent ends, a SIGKILL included, and nothing is left
behind. Lines `+PID` on standard input name process groups of the parent's that end then too, `-PID` ones
that have ended; a line `{"remove": PATH, "holding": null}` names a folder that is removed then, and one with
a text for `holding` a file, unless it holds another text by then. The SERVICEs are loaded in the background
while nobody calls, before their first call asks for them.

No operation of moto is altered. What differs from its own server is only how calls are carried:

- Connections are kept alive and answered in one write. Werkzeug's handler closes each one, after waiting
  10 ms for bytes nobody sends.
- Moto's own look-ups that come out the same for every call (which folders and methods it has, which service a
  host stands for) are made once. They took a quarter of a short call's time.
- AWS's own policies, some 1,600, are read for the partition `aws` alone; moto reads them for all five at its first
  call, most of a second long, and no region of the others is used.
- Where a filter names security groups, only their rules are gone through, and where a table is queried, only the
  items of the partition. Moto copies every rule of the account first, and sorts every item of the table: with
  thousands, callers run out of time and ask again, and nothing gets done any more.
- Calls of one service run one at a time. AWS makes a DynamoDB conditional write or a security-group change
  atomic; moto's threads may switch between its check and its write.
"""

import copy
import functools
import io
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
import types
from http.server import ThreadingHTTPServer

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

import moto.backends  # noqa: E402
import moto.core.responses  # noqa: E402
import moto.dynamodb.models.table  # noqa: E402
import moto.ec2.models.security_groups  # noqa: E402
import moto.iam.models  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)

# Longer than a client takes from one call of a row to the next.
IDLE = 0.3

MODULES = tuple(moto.backends.list_of_moto_modules())
moto.backends.list_of_moto_modules = lambda: MODULES
moto.core.responses.method_names_from_class = functools.cache(moto.core.responses.method_names_from_class)

POLICIES_OF_AWS = moto.iam.models.IAMBackend._init_aws_policies
moto.iam.models.IAMBackend._init_aws_policies = (
    lambda backend: POLICIES_OF_AWS(backend) if backend.region_name == "aws" else []
)

RULES = moto.ec2.models.security_groups.SecurityGroupBackend.describe_security_group_rules


def rules_of_groups(backend, sg_rule_ids, filters):
    """The rules of the groups that a filter names."""
    named = filters.get("group-id")
    if not named:
        return RULES(backend, sg_rule_ids, filters)
    of_vpc = {
        vpc: {group: groups[group] for group in named if group in groups} for vpc, groups in backend.groups.items()
    }
    return RULES(types.SimpleNamespace(groups=of_vpc), sg_rule_ids, filters)


moto.ec2.models.security_groups.SecurityGroupBackend.describe_security_group_rules = rules_of_groups

QUERY = moto.dynamodb.models.table.Table.query


def query_of_partition(table, hash_key, compare, values, limit, start, forward, projection, index=None, *args, **kwargs):
    """A query of a table, not of an index: it is about the items of one partition."""
    if table.range_key_attr and not index:
        of_key = {hash_key: table.items[hash_key]} if hash_key in table.items else {}
        table = copy.copy(table)
        table.items = of_key
    return QUERY(table, hash_key, compare, values, limit, start, forward, projection, index, *args, **kwargs)


moto.dynamodb.models.table.Table.query = query_of_partition


class Handler(MotoRequestHandler):
    """One kept-alive connection. The request is read whole before moto sees it, the answer written at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self):
        environ = self.make_environ()
        if environ.pop("wsgi.input_terminated", False):
            body = environ["wsgi.input"].read()
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        started = {}

        def start_response(status, headers, exc_info=None):
            started["status"], started["headers"] = status, headers
            return None

        try:
            answer = self.server.app(environ, start_response)
            try:
                payload = b"".join(answer)
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except Exception as error:  # moto's own 500, for the caller to see as one
            payload = f"{type(error).__name__}: {error}".encode()
            started["status"], started["headers"] = "500 Internal Server Error", [("Content-Type", "text/plain")]
        code, _, reason = started["status"].partition(" ")
        self.send_response(int(code), reason)
        length_known = False
        for key, value in started["headers"]:
            name = key.lower()
            if name in ("connection", "transfer-encoding") or (name == "date"):
                continue
            if name == "content-length":
                # A HEAD answer's length is that of the body it does not carry.
                length_known = self.command == "HEAD"
                if not length_known:
                    continue
            self.send_header(key, value)
        bodyless = self.command == "HEAD" or code in ("204", "304")
        if not length_known and code not in ("204", "304"):
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if not bodyless:
            self.wfile.write(payload)
        self.wfile.flush()

    def log_request(self, *_args):
        pass

    def log_message(self, *_args):
        pass


class Application(DomainDispatcherApplication):
    """Moto's dispatcher with one lock per service."""

    def __init__(self):
        super().__init__(create_backend_app)
        self.service_locks = {}
        self.backends = {}
        self.called = time.monotonic()

    def __call__(self, environ, start_response):
        self.called = time.monotonic()
        app = self.get_application(environ)
        with self.service_locks.setdefault(id(app), threading.RLock()):
            try:
                return app(environ, start_response)
            finally:
                self.called = time.monotonic()

    def wait_until_idle(self):
        """Waits until nobody has called for a while: loading is work that would make each call wait."""
        while (rest := self.called + IDLE - time.monotonic()) > 0:
            time.sleep(rest)

    def get_backend_for_host(self, host):
        backend = self.backends.get(host)
        if backend is None:
            backend = super().get_backend_for_host(host)
            # Names of hosts come from callers; what is kept must stay small.
            if backend is not None and len(self.backends) < 1000:
                self.backends[host] = backend
        return backend

    def load(self, service):
        """Imports a service's code and compiles its routes. Calls of other services go on meanwhile."""
        if service not in self.app_instances:
            app = create_backend_app(service)
            with self.lock:
                self.app_instances.setdefault(service, app)


class Server(ThreadingHTTPServer):
    """What `WSGIRequestHandler` expects of its server, without werkzeug's banner."""

    daemon_threads = True
    request_queue_size = 512
    multithread = True
    multiprocess = False
    ssl_context = None
    passthrough_errors = False
    _server_version = "moto"

    def __init__(self, address, app):
        self.app = app
        super().__init__(address, Handler)

    def server_bind(self):
        # HTTPServer's own looks up the host's name, which can take seconds without a resolver.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, _request, _client_address):
        pass

    def log(self, _kind, _message, *_args):
        pass


def end_with_parent():
    """Blocks until standard input ends, then ends all without waiting for any thread."""
    groups, leftovers, rest = set(), [], b""
    while chunk := os.read(0, 4096):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"+"):
                groups.add(int(line[1:]))
            elif line.startswith(b"-"):
                groups.discard(int(line[1:]))
            elif line.startswith(b"{"):
                leftovers.append(json.loads(line))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            pass  # it has ended
    for leftover in leftovers:
        remove(leftover["remove"], leftover["holding"])
    os._exit(0)


def remove(path, holding):
    """Removes a folder, or a file that holds this text; what is gone already is fine."""
    if holding is None:
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        with open(path, encoding="utf-8") as file:
            ours = file.read() == holding
        if ours:
            os.remove(path)
    except OSError:
        pass


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    threading.Thread(target=end_with_parent, daemon=True).start()
    app = Application()
    server = Server(("127.0.0.1", port), app)
    print(f"ready {server.server_port}", flush=True)
    services = sys.argv[2:]

    def load_all():
        for service in services:
            app.wait_until_idle()
            app.load(service)

    threading.Thread(target=load_all, daemon=True).start()
    server.serve_forever(poll_interval=3600)


if __name__ == "__main__":
    main()
