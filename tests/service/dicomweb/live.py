"""The service over a real port, with a store, for clients that speak HTTP themselves."""

import threading
import time
from contextlib import contextmanager

import uvicorn

from hounsfield.archive.store import open_store
from hounsfield.service.desk import Doors
from tests.service.stand import stand_in


@contextmanager
def running(folder):
    """Give a stand and its address on a loopback port."""
    stand = stand_in(folder, doors=Doors(), store=open_store(folder / "store"))
    config = uvicorn.Config(stand.app, port=0, log_config=None, access_log=False, lifespan="off", ws="none", http="h11")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield stand, f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        stand.desk.close()
