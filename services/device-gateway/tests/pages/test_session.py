"""Whose page it is: the cookie, where a form comes from, and what happens to one sent twice."""

from __future__ import annotations

import re
from typing import Any

import pytest

HOME = "/stores/berlin/till"
OWN = {"sec-fetch-site": "same-origin"}


def cookie(till: Any) -> dict[str, str]:
    return {"cookie": f"kv_till={till.token}"}


async def form(rig: Any, till: Any, path: str, **fields: str) -> Any:
    """Sent by our own page, through htmx."""
    headers = {**cookie(till), **OWN, "hx-request": "true"}
    return await rig.http.post(f"{HOME}/{path}", data=fields, headers=headers)


async def key_of(rig: Any, till: Any, path: str) -> str:
    page = await rig.http.get(f"{HOME}/{path}", headers=cookie(till))
    found = re.findall(r'name="key" value="([^"]+)"', page.text)
    assert found
    return str(found[-1])


async def test_a_browser_without_a_till_is_sent_to_pair(rig: Any) -> None:
    for path in ("", "/shift", "/shift/close", "/status"):
        answer = await rig.http.get(f"{HOME}{path}")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{HOME}/pair"


async def test_a_code_makes_a_cookie_that_only_its_store_is_sent(rig: Any) -> None:
    offered = await rig.as_person("manager", "/stores/berlin/v1/pairings", {})
    fields = {"code": offered.json()["code"], "key": "pairing-1"}
    answer = await rig.http.post(f"{HOME}/pair", data=fields, headers=OWN)
    assert answer.status_code == 303
    made = answer.headers["set-cookie"]
    for part in ("kv_till=kvt_", "HttpOnly", "Secure", "SameSite=strict", "Path=/stores/berlin"):
        assert part in made
    again = await rig.http.post(f"{HOME}/pair", data=fields, headers=OWN)
    assert again.headers["set-cookie"] == made


async def test_a_revoked_till_sees_that_it_is_and_loses_its_cookie(rig: Any, till: Any) -> None:
    await rig.as_person("manager", "/stores/berlin/v1/tills/till-1/revoke")
    answer = await rig.http.get(f"{HOME}/shift", headers=cookie(till))
    assert answer.headers["location"] == f"{HOME}/revoked"
    told = await rig.http.get(f"{HOME}/revoked", headers=cookie(till))
    assert 'kv_till=""' in told.headers["set-cookie"]


async def test_a_till_of_another_store_has_no_page_here(rig: Any) -> None:
    foreign = await rig.paired("koeln", "till-k")
    answer = await rig.http.get(f"{HOME}/shift", headers=cookie(foreign))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HOME}/pair")


async def test_every_page_has_the_strict_policy_and_is_kept_by_nobody(rig: Any, till: Any) -> None:
    for path in ("/pair", "/shift", "/shift/cash", "/shift/x", "/revoked", "/shift/z/99"):
        answer = await rig.http.get(f"{HOME}{path}", headers=cookie(till))
        policy = answer.headers["content-security-policy"]
        assert policy == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {},
    ],
)
async def test_a_form_of_another_page_changes_nothing(
    rig: Any, till: Any, headers: dict[str, str]
) -> None:
    before = len(rig.store.log)
    fields = {"key": "k-1", "float": "10"}
    sent = {**cookie(till), **headers}
    answer = await rig.http.post(f"{HOME}/shift/open", data=fields, headers=sent)
    assert answer.status_code == 403
    assert "auth.foreign_origin" in answer.text
    assert len(rig.store.log) == before


async def test_the_json_api_takes_the_cookie_only_from_our_own_page(rig: Any, till: Any) -> None:
    path, key = "/stores/berlin/v1/tills/till-1", {"idempotency-key": "k-2"}
    read = await rig.http.get(f"{path}/shift", headers=cookie(till))
    own = await rig.http.post(
        f"{path}/shift/open", json={}, headers={**cookie(till), **key, "origin": "http://gateway"}
    )
    foreign = await rig.http.post(
        f"{path}/shift/open", json={}, headers={**cookie(till), **key, "origin": "http://other"}
    )
    assert (read.status_code, own.status_code, foreign.status_code) == (200, 200, 403)


async def test_a_form_sent_twice_moves_cash_once(rig: Any, till: Any) -> None:
    await form(rig, till, "shift/open", key="open", float="100")
    key = await key_of(rig, till, "shift/cash")
    sent = {"key": key, "kind": "paid_out", "amount": "12,50", "reason": "Briefmarken"}
    first = await form(rig, till, "shift/cash", **sent)
    again = await form(rig, till, "shift/cash", **sent)
    assert first.status_code == again.status_code == 204
    assert first.headers["hx-redirect"] == again.headers["hx-redirect"]
    assert sum(entry.name == "cash.moved" for entry in rig.store.log) == 2  # The float is one.
    other = await form(rig, till, "shift/cash", **{**sent, "amount": "13"})
    assert other.status_code == 422
    assert "idempotency_key.reused" in other.text


async def test_a_refused_form_keeps_its_key_and_may_be_corrected(rig: Any, till: Any) -> None:
    await form(rig, till, "shift/open", key="open", float="10")
    key = await key_of(rig, till, "shift/cash")
    sent = {"key": key, "kind": "paid_out", "amount": "50", "reason": "Pfand"}
    refused = await form(rig, till, "shift/cash", **sent)
    assert (refused.status_code, refused.headers["hx-retarget"]) == (409, "#refusal")
    assert "till.cash_short" in refused.text
    assert "So viel Bargeld ist nicht in der Kasse" in refused.text
    right = await form(rig, till, "shift/cash", **{**sent, "amount": "5"})
    assert right.status_code == 204


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "difference", "amount": "1", "reason": "x"},
        {"kind": "paid_in", "amount": "1,234", "reason": "x"},
        {"kind": "paid_in", "amount": "1", "reason": "a\u202eb"},
        {"kind": "paid_in", "amount": "1", "reason": "a\0b"},
        {"kind": "paid_in", "amount": "99999999999", "reason": "x"},
        {"kind": "paid_in", "amount": "1", "reason": ""},
    ],
)
async def test_what_a_form_cannot_mean_is_refused_and_changes_nothing(
    rig: Any, till: Any, fields: dict[str, str]
) -> None:
    await form(rig, till, "shift/open", key="open", float="10")
    before = len(rig.store.log)
    answer = await form(rig, till, "shift/cash", key="k", **fields)
    assert answer.status_code == 422
    assert len(rig.store.log) == before


async def test_the_language_goes_back_to_pages_of_the_till_only(rig: Any) -> None:
    for back, to in (
        (f"{HOME}/pair", f"{HOME}/pair"), ("https://evil.example/", HOME),
        ("//evil.example", HOME), (f"{HOME}/../../x//y", HOME),
    ):  # fmt: skip
        answer = await rig.http.post(
            f"{HOME}/language", data={"language": "en", "back": back}, headers=OWN
        )
        assert answer.headers["location"] == to
        assert "kv_lang=en" in answer.headers["set-cookie"]


async def test_a_chosen_language_goes_before_the_browsers(rig: Any) -> None:
    asked = {"accept-language": "de"}
    german = await rig.http.get(f"{HOME}/pair", headers=asked)
    english = await rig.http.get(f"{HOME}/pair", headers={**asked, "cookie": "kv_lang=en"})
    assert ("Kasse koppeln" in german.text, "Pair this till" in english.text) == (True, True)
