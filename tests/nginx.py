"""The examples of ``deploy/nginx``, run by the nginx of this machine on ports and files of a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


@contextmanager
def nginx(folder: Path, examples: Sequence[str], changes: Mapping[str, str]) -> Iterator[Path]:
    """Run nginx with these files of ``deploy/nginx`` until the block ends; yields its access log.

    ``changes`` are what an operator would edit: each text has to stand in the examples, and is replaced.
    """
    configuration = _written(folder, examples, changes)
    command = [str(NGINX), "-c", str(configuration), "-e", str(folder / "error.log")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with subprocess.Popen(command) as process:
        try:
            _wait_for(folder / "nginx.pid", process)
            yield folder / "access.log"
        finally:
            process.terminate()


def _written(folder: Path, examples: Sequence[str], changes: Mapping[str, str]) -> Path:
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
