"""Who may talk to the server, checked before anything else on every route.

The server can read and delete a person's texts and start programs, and any page in the same
browser can send requests to it. So each request has to name the server by an address of its own
(which stops pages that point a name of theirs at this computer), has to come from this server's
pages (or from no page at all), and has to carry the token: as a cookie that scripts cannot read and
that other sites cannot send, or as `Authorization: Bearer`. The first visit brings the token in its
query and takes the cookie away.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recurra.studio import errors

SAFE = ("GET", "HEAD", "OPTIONS")

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self'",
        "connect-src 'self'",
        "style-src 'self'",
        "style-src-elem 'self'",
        "style-src-attr 'unsafe-inline'",  # positions that scripts compute; no rules can hide there
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    # Together these make the page cross-origin isolated, which shared memory (threads) asks for.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """The token, and the names that the server goes by."""

    token: str
    port: int
    """0: any port, for tests that do not listen on one."""
    remote: bool = False
    """Whether other computers may come: then the addresses and the name of this one count too."""
    names: frozenset[str] = field(default_factory=frozenset)
    """More host names that are this server's."""

    @property
    def cookie(self) -> str:
        """Name of the cookie. Cookies know no ports, so two servers need two names."""
        return f"recurra-{self.port}"

    def knows(self, host: str) -> bool:
        """Whether a `Host` header names this server."""
        name, port = split_host(host)
        if name is None or (self.port and port != self.port):
            return False
        if name in ("localhost", "127.0.0.1", "::1") or name in self.names:
            return True
        if not self.remote:
            return False
        # An address cannot be pointed elsewhere as a name can, so any is as good as another.
        return _is_address(name) or name == socket.gethostname().lower()

    def opens(self, given: str | None) -> bool:
        """Whether this is the token, in a time that does not tell how much of it is right."""
        return given is not None and hmac.compare_digest(given.encode(), self.token.encode())


def split_host(host: str) -> tuple[str | None, int]:
    """Return name and port of a `Host` header; None for a name where it is malformed."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "80"
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
        if not _is_address(name):
            return None, 0
    elif ":" in name:
        return None, 0
    good = name.isascii() and port.isascii() and port.isdecimal() and len(port) <= 5
    return (name.lower(), int(port)) if name and good else (None, 0)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Security:
    """ASGI middleware: refuses what `Gate` does not let in and sets the protecting headers."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no web sockets here; the server answers 403 by itself

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self.refusal(scope)
        await (refusal or self.app)(scope, receive, protected)

    def refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is not let in, or to a first visit; else None."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self.gate.knows(hosts[0]):
            return _refuse(
                403,
                "This server does not go by that name. Open the address that `recurra studio` "
                "printed.",
            )
        first = self._first_visit(scope, headers)
        if not self._from_here(scope["method"], headers, hosts[0], first is not None):
            return _refuse(403, "This request comes from another site, which may not do that.")
        if first is not None:
            return first
        if not self._has_token(headers):
            if "text/html" in headers.get("accept", "") and scope["method"] in SAFE:
                return HTMLResponse(_ASK, 401)
            return _refuse(
                401,
                "The token is missing or wrong. Open the address that `recurra studio` printed, "
                "or send it as `Authorization: Bearer TOKEN`.",
                {"www-authenticate": "Bearer"},
            )
        return None

    def _first_visit(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the page that takes the token from the address into a cookie, if it is right."""
        if scope["path"] != "/" or scope["method"] != "GET" or not scope["query_string"]:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if len(given) != 1 or not self.gate.opens(given[0]):
            return None
        # Not a redirect: the browser would follow it on behalf of the page that the link was on,
        # and send no strict cookie along. This page goes on in its own name, to the same fragment,
        # which only a script can read: the one script that its policy lets run.
        page = HTMLResponse(_GO_ON, headers={"content-security-policy": _GO_ON_POLICY})
        page.set_cookie(
            self.gate.cookie, self.gate.token, max_age=365 * 86_400, httponly=True,
            samesite="strict", path="/",
        )  # fmt: skip
        page.headers["cache-control"] = "no-store"
        return page

    def _from_here(self, method: str, headers: Headers, host: str, first: bool) -> bool:
        """Whether a request comes from this server's pages or from no page."""
        origins, site = headers.getlist("origin"), headers.get("sec-fetch-site")
        if any(origin.lower() != f"http://{host.lower()}" for origin in origins):
            return False
        if first and headers.get("sec-fetch-mode", "navigate") == "navigate":
            return True  # a link with the token in it may stand anywhere
        if site is not None and site not in ("same-origin", "none"):
            return False
        if method in SAFE or "authorization" in headers:
            return True
        # What changes something by a cookie needs a browser's word that the page is ours.
        return bool(origins) or site == "same-origin"

    def _has_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.gate.opens(given.strip())
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        found = cookies.get(self.gate.cookie)
        return found is not None and self.gate.opens(found.value)


def _refuse(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return errors.answer(errors.problem(status, sentence), headers)


_HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Recurra</title>'
    '<meta name="viewport" content="width=device-width">'
)
# A fragment is empty or begins with "#", so this leads nowhere else.
_SCRIPT = 'location.replace("/" + location.hash)'
_GO_ON = (
    f'{_HEAD}<script>{_SCRIPT}</script><noscript><meta http-equiv="refresh" content="0;url=/">'
    '</noscript><p><a href="/">Go on to Recurra</a>'
)
_DIGEST = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_GO_ON_POLICY = (
    f"default-src 'none'; script-src 'sha256-{_DIGEST}'; base-uri 'none'; frame-ancestors 'none'"
)
_ASK = (
    f"{_HEAD}<h1>Recurra</h1><p>This page needs the token of the studio. Open the address that "
    "<code>recurra studio</code> printed in its terminal, or paste the token here."
    '<form action="/" method="get"><label>Token <input name="token" autocomplete="off" autofocus>'
    "</label> <button>Open</button></form>"
)
