"""The whole service as a process of its own, beside neighbours that hang, and with a log that nobody reads.

Each is an attack that once stopped the service: ``service/adr/0013-slow-neighbours.md``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.security.keys import key_pair
from tests.web.support import request_of, with_context

CHECKOUT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow
