"""Who is let in: own tokens, an outside issuer's, tills' device tokens, and nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from events import Transient
from kassenverbund.authentication import CACHE_S, Authentication, Outside
from kassenverbund.issuer import Issuer, KeyUnusable
from kassenverbund.kit.auth import Caller, Unauthenticated

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer.from_file(tmp_path / "k.pem", name="urn:c", audience="kassenverbund", make=True)


def claims(**other: Any) -> dict[str, Any]:
    return {
        "iss": "urn:c", "aud": "kassenverbund", "sub": "anna", "roles": ["manager"],
        "kind": "person", "exp": NOW + HOUR, **other,
    }  # fmt: skip


def signed(issuer: Issuer, **other: Any) -> str:
    return jwt.encode(claims(**other), issuer.key, algorithm="ES256")


async def test_an_own_token_names_its_person_roles_and_store(issuer: Issuer) -> None:
    token = issuer.person("anna", ["manager"], now=NOW, valid_for=HOUR, store_id="berlin")

    caller = await Authentication(issuer).caller(token)

    assert caller == Caller("person", "anna", frozenset({"manager"}), store_id="berlin")


async def test_an_own_token_names_the_company_of_its_person(issuer: Issuer) -> None:
    token = issuer.person("eva", ["company"], now=NOW, valid_for=HOUR, company_id="A")

    caller = await Authentication(issuer).caller(token)

    assert caller == Caller("person", "eva", frozenset({"company"}), company_id="A")


async def test_a_service_token_names_the_service(issuer: Issuer) -> None:
    caller = await Authentication(issuer).caller(issuer.service("device-gateway", now=NOW))

    assert caller == Caller("service", "device-gateway", frozenset({"service"}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": NOW - HOUR},
        {"nbf": NOW + HOUR},
        {"iss": "urn:other"},
        {"aud": "other"},
        {"sub": None},
        {"exp": None},
        {"kind": "till"},
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(issuer: Issuer, wrong: dict[str, Any]) -> None:
    merged = {name: value for name, value in claims(**wrong).items() if value is not None}
    token = jwt.encode(merged, issuer.key, algorithm="ES256")

    with pytest.raises(Unauthenticated):
        await Authentication(issuer).caller(token)


async def test_another_key_is_refused(issuer: Issuer) -> None:
    token = jwt.encode(claims(), ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")

    with pytest.raises(Unauthenticated):
        await Authentication(issuer).caller(token)


async def test_the_public_key_used_as_a_shared_secret_is_refused(issuer: Issuer) -> None:
    public = issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = {**claims(), "exp": int((NOW + HOUR).timestamp())}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, body)
    ]
    mac = hmac.new(public, b".".join(parts), hashlib.sha256).digest()
    forged = b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()

    with pytest.raises(Unauthenticated):
        await Authentication(issuer).caller(forged)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "x" * 10_000, "eyJhbGciOiJub25lIn0.e30."])
async def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await Authentication(issuer).caller(token)


async def test_roles_that_nobody_knows_are_left_out(issuer: Issuer) -> None:
    caller = await Authentication(issuer).caller(signed(issuer, roles=["manager", "emperor", 7]))

    assert caller.roles == {"manager"}


async def test_a_kept_token_is_not_kept_beyond_its_expiry(issuer: Issuer) -> None:
    now = datetime.now(UTC)
    clock = [now.timestamp()]
    authentication = Authentication(issuer, clock=lambda: clock[0])
    token = signed(issuer, exp=now + timedelta(seconds=CACHE_S / 2))
    await authentication.caller(token)
    clock[0] += CACHE_S * 0.75

    # The signature is checked again now; by the real clock the token is still good.
    assert (await authentication.caller(token)).id == "anna"
    assert authentication._known[hashlib.sha256(token.encode()).digest()].until < clock[0]


async def test_a_device_token_is_checked_by_who_accepts_its_prefix(issuer: Issuer) -> None:
    till = Caller("till", "k1", store_id="berlin", till_id="k1")
    authentication = Authentication(issuer)

    async def check(token: str) -> Caller | None:
        return till if token == "kvt_good" else None

    authentication.accept("kvt_", check)

    assert await authentication.caller("kvt_good") == till
    with pytest.raises(Unauthenticated):
        await authentication.caller("kvt_revoked")


class Provider:
    """An OIDC issuer behind httpx's transport: real keys, real discovery, countable."""

    def __init__(self) -> None:
        self.keys = {"one": ec.generate_private_key(ec.SECP256R1())}
        self.asked: list[str] = []
        self.away = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if self.away:
            return httpx.Response(503)
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(
                200, json={"issuer": "https://id.example", "jwks_uri": "https://id.example/keys"}
            )
        return httpx.Response(
            200,
            json={
                "keys": [
                    {
                        **json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())),
                        "kid": name,
                    }
                    for name, key in self.keys.items()
                ]
            },
        )

    def token(self, key: str, **other: Any) -> str:
        document = {**claims(iss="https://id.example"), **other}
        return jwt.encode(document, self.keys[key], algorithm="ES256", headers={"kid": key})


def outside(provider: Provider, issuer: Issuer, **options: Any) -> Authentication:
    fetch = httpx.AsyncClient(transport=httpx.MockTransport(provider))
    return Authentication(issuer, outside=Outside("https://id.example", None, fetch), **options)


async def test_an_outside_issuer_is_found_and_its_keys_are_fetched_once(issuer: Issuer) -> None:
    provider = Provider()
    authentication = outside(provider, issuer, roles_claim="realm_access.roles")

    for subject in ("anna", "ben"):
        token = provider.token("one", sub=subject, realm_access={"roles": ["auditor"]})
        caller = await authentication.caller(token)
        assert caller == Caller("person", subject, frozenset({"auditor"}))

    assert provider.asked.count("/keys") == 1


async def test_a_rotated_key_is_fetched(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kassenverbund.authentication.JWKS_ASK_AGAIN_S", 0)
    provider = Provider()
    authentication = outside(provider, issuer)
    await authentication.caller(provider.token("one"))
    provider.keys = {"two": ec.generate_private_key(ec.SECP256R1())}

    assert (await authentication.caller(provider.token("two"))).id == "anna"


async def test_unknown_key_ids_do_not_make_us_ask_again_and_again(issuer: Issuer) -> None:
    provider = Provider()
    authentication = outside(provider, issuer)
    provider.keys["mine"] = ec.generate_private_key(ec.SECP256R1())
    token = provider.token("mine")
    del provider.keys["mine"]

    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await authentication.caller(token)

    assert provider.asked.count("/keys") == 1


async def test_an_issuer_that_is_away_is_a_passing_fault(issuer: Issuer) -> None:
    provider = Provider()
    provider.away = True

    with pytest.raises(Transient):
        await outside(provider, issuer).caller(provider.token("one"))


async def test_with_an_outside_issuer_own_tokens_are_for_services_only(issuer: Issuer) -> None:
    authentication = outside(Provider(), issuer)

    assert (await authentication.caller(issuer.service("voucher", now=NOW))).kind == "service"
    with pytest.raises(Unauthenticated):
        await authentication.caller(signed(issuer))


async def test_an_outside_token_can_not_call_itself_a_service_by_kind(issuer: Issuer) -> None:
    provider = Provider()

    caller = await outside(provider, issuer).caller(provider.token("one", kind="service"))

    assert caller.kind == "person"


def test_the_key_file_is_for_its_owner_alone_and_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "issuer.pem"
    first = Issuer.from_file(path, name="urn:c", audience="a", make=True)
    second = Issuer.from_file(path, name="urn:c", audience="a", make=False)

    assert path.stat().st_mode & 0o777 == 0o600
    assert first.jwks() == second.jwks()


def test_a_missing_key_is_not_made_where_it_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="missing"):
        Issuer.from_file(tmp_path / "none.pem", name="urn:c", audience="a", make=False)


def test_a_token_can_not_be_made_for_longer_than_a_month(issuer: Issuer) -> None:
    with pytest.raises(ValueError, match="at most"):
        issuer.person("anna", ["manager"], now=NOW, valid_for=timedelta(days=365))


def test_the_served_keys_verify_an_own_token(issuer: Issuer) -> None:
    token = issuer.service("voucher", now=NOW)
    key = jwt.PyJWKSet.from_dict(issuer.jwks()).keys[0]

    assert jwt.get_unverified_header(token)["kid"] == key.key_id
    assert jwt.decode(token, key.key, algorithms=["ES256"], audience="kassenverbund")
