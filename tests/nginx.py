"""The examples of ``deploy/nginx``, run by the nginx of this machine on ports and files of a test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "deploy" / "nginx"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = "nginx is not installed (Debian and Ubuntu: apt-get install nginx-light)"

_MAIN = """
{user}
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    log_format calls '$msec $status $request_method $uri "$upstream_addr" "$upstream_status"';
    access_log {folder}/access.log calls;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {servers}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: its process, and the folder with its configuration and its log of calls."""

    process: int
    folder: Path

    @property
    def calls(self) -> list[str]:
        """A line for each call: time, status, method, path, replicas asked, what each said."""
        return (self.folder / "access.log").read_text().splitlines()

    def change(self, examples: Sequence[str], changes: Mapping[str, str]) -> None:
        """Take up another configuration; what is under way goes on by the old one."""
        _write(self.folder, examples, changes)
        os.kill(self.process, signal.SIGHUP)


@contextmanager
def nginx(folder: Path, examples: Sequence[str], changes: Mapping[str, str]) -> Iterator[Nginx]:
    """Run nginx with these files of ``deploy/nginx`` until the block ends.

    ``changes`` are what an operator would edit: each text has to stand in the examples, and is replaced.
    """
    configuration = _write(folder, examples, changes)
    command = [str(NGINX), "-c", str(configuration), "-e", str(folder / "error.log")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with subprocess.Popen(command) as process:
        try:
            _wait_for(folder / "nginx.pid", process)
            yield Nginx(process.pid, folder)
        finally:
            process.terminate()


def _write(folder: Path, examples: Sequence[str], changes: Mapping[str, str]) -> Path:
    snippet = folder / "net-cds-proxy.conf"
    snippet.write_text((EXAMPLES / "net-cds-proxy.conf").read_text())
    servers = "\n".join((EXAMPLES / name).read_text() for name in examples)
    for written, wanted in {"/etc/nginx/snippets/net-cds-proxy.conf": str(snippet), **changes}.items():
        if written not in servers:
            raise ValueError(f"no example has {written!r}")
        servers = servers.replace(written, wanted)
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(_MAIN.format(user=user, folder=folder, servers=servers))
    return configuration


def _wait_for(pid_file: Path, process: subprocess.Popen[bytes]) -> None:
    # nginx listens before it writes this file, which its check of the configuration leaves empty.
    for _ in range(200):
        if pid_file.read_text().strip():
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError("nginx did not start")
