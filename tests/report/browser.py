"""A browser that looks at pages: chromium without a screen, asked by a page of our own that holds them in a frame."""

import functools
import html
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--hide-scrollbars")

HARNESS = """<!DOCTYPE html><meta charset="utf-8"><iframe id="frame" style="border:0;height:900px"></iframe>
<pre id="out"></pre><script>
const visits = %s;
const probe = (doc, win) => { %s };
const wait = () => new Promise(done => setTimeout(done, 30));
(async () => {
  const answers = [];
  for (const visit of visits) {
    const frame = document.createElement("iframe");
    frame.style = "border:0;height:900px;width:" + visit.width + "px";
    if (visit.scriptless) { frame.sandbox = "allow-same-origin"; }
    document.getElementById("frame").replaceWith(frame);
    frame.id = "frame";
    await new Promise(done => { frame.onload = done; frame.src = visit.page; });
    await wait();
    answers.push(await probe(frame.contentDocument, frame.contentWindow));
  }
  document.getElementById("out").textContent = JSON.stringify(answers);
})().catch(error => { document.getElementById("out").textContent = JSON.stringify(String(error.stack || error)); });
</script>"""


class Browser:
    """Chromium with a profile of its own."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder

    def _run(self, *arguments: str) -> str:
        command = [self.program, *QUIET, f"--user-data-dir={self.folder / 'profile'}", *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True)
        return done.stdout

    def probe(self, visits: list[tuple[Path, int]], script: str, has_scripts: bool = True) -> list[Any]:
        """Open each page in a frame of a width in pixels and return what a script body says about ``doc``."""
        wanted = [{"page": page.as_uri(), "width": width, "scriptless": not has_scripts} for page, width in visits]
        harness = self.folder / "harness.html"
        harness.write_text(HARNESS % (json.dumps(wanted), script), encoding="utf-8")
        dom = self._run(
            "--disable-web-security",
            "--allow-file-access-from-files",
            "--virtual-time-budget=20000",
            "--window-size=1700,1000",
            "--dump-dom",
            harness.as_uri(),
        )
        (answer,) = re.findall(r'<pre id="out">(.*?)</pre>', dom, re.DOTALL)
        assert answer, "the page in the frame never answered"
        found = json.loads(html.unescape(answer))
        assert isinstance(found, list), found
        return found

    def dom(self, page: Path) -> str:
        """Return the document of a page as it is after its scripts ran."""
        return self._run("--virtual-time-budget=3000", "--dump-dom", page.as_uri())

    def screenshot(self, page: Path, width: int, height: int) -> Path:
        """Return the picture of a page in a window."""
        picture = self.folder / f"{page.stem}-{width}.png"
        self._run(f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri())
        return picture

    def pdf(self, page: Path) -> Path:
        """Return a page as it is printed."""
        printed = self.folder / f"{page.stem}.pdf"
        self._run("--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri())
        return printed


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """Serve on this machine, and give the address and the list of paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.05), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
