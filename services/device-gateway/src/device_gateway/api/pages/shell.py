"""What all pages of the web till share: whose page it is, how it is rendered, how it says no.

The pages hold no truth. Each is made of what the log and the read models say now; each form carries
the idempotency key that was made when it was rendered, and calls the handler that the JSON API
calls. A refusal leaves the form as it is, with its key: the corrected form is a new input, and
the same one again is the same request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote
from uuid import uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from device_gateway.api.pages import locales
from device_gateway.api.pages.assets import address_of
from device_gateway.api.pages.forms import Form
from device_gateway.api.pages.refusals import REFUSALS, RIGHTS
from device_gateway.decider.till import Till
from device_gateway.events import MasterDataChanged
from device_gateway.handlers.cashiers import who_is_there
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.tills import till_of
from events import Ask, DomainError, Metadata, Transient
from events.handle import input_hash
from kassenverbund.kit.auth import (
    TILL_COOKIE,
    Caller,
    ForeignOrigin,
    Unauthenticated,
    caller_of,
    same_origin,
)
from kassenverbund.kit.problems import RequestInvalid

LANGUAGE_COOKIE = "kv_lang"
"""What was chosen on the screen. It goes before everything else."""

HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


def policy(*, wasm: bool = False) -> str:
    """The content security policy of a page. `wasm`: of the one that reads the camera."""
    scripts = "'self' 'wasm-unsafe-eval'" if wasm else "'self'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@dataclass(frozen=True, slots=True)
class Cashier:
    """Who is signed in. `name` is for the screen only; it stands in no event."""

    cashier_id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Session:
    """A till's browser, as this request found it."""

    caller: Caller
    store_id: str
    till_id: str
    locale: str
    """`de` or `en`."""
    till: Till
    master_data: MasterDataChanged
    cashier: Cashier | None = None
    rights: frozenset[str] = frozenset()
    """What may be done here now: by whoever is signed in, or by the till itself."""
    must_sign_in: bool = False
    """The store wants somebody signed in, and nobody is."""

    @property
    def currency(self) -> str:
        return self.master_data.currency

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.master_data.time_zone)

    def may(self, right: str) -> bool:
        """For what a page shows; the handlers decide."""
        return right in self.rights


class Leave(Exception):
    """This request belongs to another page."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


@dataclass(slots=True)
class Pages:
    """Renders, and knows the request's till."""

    gateway: Gateway
    first: str = "shift"
    """The page below `/till` that a till starts with."""
    menu: list[str] = field(default_factory=list)
    """The pages of the menu, as far as they are there."""
    texts: dict[str, str] = field(default_factory=lambda: dict(REFUSALS))
    """Error code → message id of what to do now."""

    def router(self) -> APIRouter:
        """For pages: what they refuse is shown as a page, or as a piece of one."""
        return APIRouter(route_class=_route_of(self), include_in_schema=False)

    async def session(self, request: Request) -> Session:
        """FastAPI dependency: the till's session. Sends a browser without one to the pairing page,
        one whose token is worthless to the page that says so, and, where the store wants it, one
        without a cashier to the log-in. Raises `ForeignOrigin`."""
        found = await self.session_unsigned(request)
        if found.must_sign_in:
            raise Leave(f"/stores/{found.store_id}/till/cashier")
        return found

    async def session_unsigned(self, request: Request) -> Session:
        """The same for pages that need nobody signed in."""
        store_id = request.path_params["store_id"]
        if not request.cookies.get(TILL_COOKIE):
            raise Leave(f"/stores/{quote(store_id)}/till/pair")
        try:
            caller = await caller_of(request)
        except Unauthenticated:
            raise Leave(f"/stores/{quote(store_id)}/till/revoked") from None
        if caller.kind != "till" or caller.store_id != store_id or caller.till_id is None:
            raise Leave(f"/stores/{quote(store_id)}/till/pair")
        there = await who_is_there(self.gateway, store_id=store_id, till_id=caller.till_id)
        cashier = None
        if there.cashier_id is not None:
            name = there.name or there.cashier_id
            cashier = Cashier(there.cashier_id, name, there.role or "")
        session = Session(
            caller=caller,
            store_id=store_id,
            till_id=caller.till_id,
            locale=language_of(request),
            till=await till_of(self.gateway, store_id=store_id, till_id=caller.till_id),
            master_data=await self.gateway.master_data(store_id),
            cashier=cashier,
            rights=frozenset(there.rights),
            must_sign_in=there.required and cashier is None,
        )
        request.state.page_session = session
        return session

    async def ask(self, request: Request, session: Session, form: Form, part: str = "") -> Ask:
        """The form's key, scoped to its till, and the hash of what it sent. `part`: one of several
        things that a form asks for. Raises `IdempotencyKeyMissing`."""
        caller, key = session.caller, form.key
        head = f"{request.method} {request.url.path}\n".encode()
        return Ask(
            key=f"{caller.actor}/page/{key}{f'/{part}' if part else ''}",
            input_hash=input_hash(head + await request.body()),
            metadata=caller.metadata(),
        )

    def render(
        self,
        request: Request,
        session: Session | None,
        template: str,
        *,
        status: int = 200,
        wasm: bool = False,
        **context: object,
    ) -> HTMLResponse:
        """A page, or a piece of one."""
        language = session.locale if session else language_of(request)
        store_id = request.path_params["store_id"]
        text = (
            _environment(language)
            .get_template(template)
            .render(
                session=session,
                store_id=store_id,
                language=language,
                home=f"/stores/{store_id}/till",
                here=request.url.path,
                asset=partial(address_of, store_id=store_id),
                menu=self.menu,
                new_key=_new_key,
                live_url=_live_url(session),
                script_words=locales.script_words(language),
                instant=partial(_instant, session, language),
                clock=partial(_clock, session, language),
                **context,
            )
        )
        answer = HTMLResponse(text, status_code=status, headers=dict(HEADERS))
        answer.headers["content-security-policy"] = policy(wasm=wasm)
        return answer

    def go(self, request: Request, url: str) -> Response:
        """To another page, after something was done."""
        if "hx-request" in request.headers:
            return Response(status_code=204, headers={"hx-redirect": url, **HEADERS})
        return RedirectResponse(url, status_code=303, headers=dict(HEADERS))

    def done(self, request: Request, session: Session, text: str) -> Response:
        """Something was done that changes nothing on the page: it says so in a corner. The form
        gets a new key, for the next time is another request."""
        if "hx-request" not in request.headers:
            return self.render(request, session, "done.html", text=text)
        told = {"kv:done": {"text": self.words(session, request, text), "key": _new_key()}}
        headers = {"hx-trigger": json.dumps(told), **HEADERS}
        return Response(status_code=204, headers=headers)

    def words(self, session: Session | None, request: Request, text: str) -> str:
        """A message id in the page's language."""
        if not text:
            return ""  # For gettext the empty id is the head of the catalogue.
        return locales.say(session.locale if session else language_of(request), text)

    def refused(self, request: Request, refusal: DomainError) -> Response:
        """What a refusal looks like: beside the form where htmx sent it, else as a page."""
        session: Session | None = getattr(request.state, "page_session", None)
        answer = self.render(
            request,
            session,
            "parts/refusal.html" if "hx-request" in request.headers else "refused.html",
            status=refusal.status,
            code=refusal.code,
            title=refusal.title,
            text=self.texts.get(refusal.code),
            extra=refusal.extra,
            right_name=self.words(session, request, RIGHTS.get(_right_of(refusal), "")),
        )
        if "hx-request" in request.headers:
            answer.headers["hx-retarget"] = "#refusal"
            answer.headers["hx-reswap"] = "innerHTML"
        return answer


def approval_of(form: Form) -> str | None:
    """The right that somebody lent for this form. Raises `FieldInvalid`."""
    return form.identifier("approval", required=False)


def _right_of(refusal: DomainError) -> str:
    return str(refusal.extra.get("right", ""))


class Unavailable(DomainError):
    code = "unavailable"
    status = 503
    title = "Something this request needs is away; ask again"


def language_of(request: Request) -> str:
    """Chosen on this screen, else what the browser asks for, else German."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in locales.LANGUAGES:
        return chosen
    return locales.accepted(request.headers.get("accept-language", "")) or locales.LANGUAGES[0]


def check_origin(request: Request) -> None:
    """For forms without a cookie. Raises `ForeignOrigin`."""
    if not same_origin(request):
        raise ForeignOrigin


def pairing_ask(request: Request, store_id: str, form: Form, body: bytes) -> Ask:
    """Of a form that nobody is behind yet. Raises `IdempotencyKeyMissing`."""
    head = f"{request.url.path}\n".encode()
    return Ask(
        key=f"pair:{store_id}/page/{form.key}",
        input_hash=input_hash(head + body),
        metadata=Metadata(actor="till:unpaired"),
    )


def _route_of(pages: Pages) -> type[APIRoute]:
    class PageRoute(APIRoute):
        """Whatever goes wrong becomes something that a cashier can read."""

        def get_route_handler(self) -> Callable[[Request], Any]:
            handler = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    answer: Response = await handler(request)
                    return answer
                except Leave as leave:
                    return pages.go(request, leave.url)
                except DomainError as refusal:
                    return pages.refused(request, refusal)
                except RequestValidationError:
                    return pages.refused(request, RequestInvalid())
                except Transient:
                    return pages.refused(request, Unavailable())

            return guarded

    return PageRoute


@lru_cache(maxsize=len(locales.LANGUAGES))
def _environment(language: str) -> Environment:
    env = Environment(
        loader=PackageLoader("device_gateway.api.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = locales.translations(language)
    env.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
        catalogue.gettext, catalogue.ngettext, newstyle=True
    )
    env.filters["money"] = partial(locales.money, language=language)
    env.filters["plain"] = partial(locales.plain, language=language)
    env.filters["day"] = partial(locales.day, language=language)
    return env


def _new_key() -> str:
    """Made when a form is rendered: whoever sends it twice asks for one thing."""
    return str(uuid4())


def _live_url(session: Session | None) -> str:
    if session is None:
        return ""
    return f"/stores/{session.store_id}/v1/tills/{session.till_id}/live"


def _instant(session: Session | None, language: str, at: Any) -> str:
    return locales.instant(at, session.master_data.time_zone if session else "UTC", language)


def _clock(session: Session | None, language: str, at: Any) -> str:
    return locales.clock(at, session.master_data.time_zone if session else "UTC", language)
