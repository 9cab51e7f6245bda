"""The form at `/`: three files of this folder, no others, under a policy that lets nothing else in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

WEB = Path(__file__).parent / "web"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Another revision may answer the next request: a page must not outlive the one it came from.
    "Cache-Control": "no-cache",
}


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = (WEB / name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=media_type, headers=HEADERS)

    return answer


form = Starlette(
    routes=[
        Route("/", _file("form.html", "text/html")),
        Route("/form.css", _file("form.css", "text/css")),
        Route("/form.js", _file("form.js", "text/javascript")),
    ]
)
