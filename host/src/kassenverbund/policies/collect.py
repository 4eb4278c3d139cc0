"""From the chain's declaration to the annex. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from kassenverbund.kit.chain import Chain, MeansOfPayment, Store, VatRate
from kassenverbund.kit.fiscal_cases import (
    BY_NAME,
    PAYMENT_KINDS,
    TABLE,
    Choices,
    FiscalCase,
    Option,
    Text,
)
from kassenverbund.kit.fiscal_cases.cash import CASH, PAYMENTS, PROCESSES, RECEIVABLES
from kassenverbund.kit.fiscal_cases.fees import FEES
from kassenverbund.kit.fiscal_cases.goods import SALES, VOUCHERS
from kassenverbund.policies.built_in import BUILT_IN
from kassenverbund.policies.document import Annex, Policy, Section
from kassenverbund.policies.settings_words import MEANINGS, UNITS, WORDS

Since = Mapping[tuple[str, str], date]
"""(store, fact) → business date since which the log says so."""

KEYS = {
    "supply": Text("of the goods", "der Ware"),
    "not_taxable": Text("5", "5"),
    "undetermined": Text("7", "7"),
}


def annex_of(
    chain: Chain,
    *,
    on: date,
    program: str,
    sign_within_s: float,
    stores: Iterable[Store],
    since: Since | None,
) -> Annex:
    """The whole document. `since` None: nothing was read of the log."""
    return Annex(
        chain=chain.id,
        name=chain.name,
        on=on,
        program=program,
        sections=(
            *_cases(chain.fiscal_choices),
            _rates(chain),
            _means(chain),
            _settings(chain, sign_within_s),
            Section(
                Text("Part of the program", "Bestandteil des Programms"),
                Text("These hold in every store and cannot be set.",
                     "Diese Regeln gelten in jeder Filiale und sind nicht einstellbar."),
                BUILT_IN,
            ),
            *(_store(chain, store, since or {}) for store in stores),
        ),
        from_log=since is not None,
    )  # fmt: skip


NOTHING = Text("", "")

GROUPS: tuple[tuple[Text, tuple[FiscalCase, ...]], ...] = (
    (Text("Goods", "Waren"), SALES),
    (Text("Vouchers and credit", "Gutscheine und Guthaben"), VOUCHERS),
    (Text("Fees of libraries", "Gebühren von Bibliotheken"), FEES),
    (Text("Receivables and subsidies", "Forderungen und Zuschüsse"), RECEIVABLES),
    (Text("Payments", "Zahlungen"), PAYMENTS),
    (Text("Cash in and out", "Bargeldbewegungen"), CASH),
    (Text("Other processes", "Andere Vorgänge"), PROCESSES),
)


def _cases(choices: Choices) -> tuple[Section, ...]:
    intro = Text(
        "How each case is recorded, signed and exported (terms of DSFinV-K 2.4).",
        "Wie jeder Fall aufgezeichnet, signiert und exportiert wird (Begriffe der DSFinV-K 2.4).",
    )
    recorded = (
        Section(
            title,
            intro if at == 0 else NOTHING,
            tuple(row for case in cases if case.recorded for row in _case(case, choices)),
        )
        for at, (title, cases) in enumerate(GROUPS)
    )
    rest = Section(
        Text(
            "Settled, and not recorded by this version", "Geregelt, in dieser Version nicht erfasst"
        ),
        Text(
            "Who has such cases records them elsewhere.",
            "Wer solche Fälle hat, erfasst sie an anderer Stelle.",
        ),
        tuple(row for case in TABLE if not case.recorded for row in _case(case, choices)),
    )
    return (*recorded, rest)


def _case(case: FiscalCase, choices: Choices) -> Iterable[Policy]:
    history = choices.history(case.name)
    for at, (since, option) in enumerate(history):
        follows = history[at + 1][0] if at + 1 < len(history) else None
        others = [one for one in case.options if one is not option]
        booked = _booked(case, option)
        by_means = case.setting == "means_of_payment"
        yield Policy(
            name=case.name,
            what=case.what,
            in_force=Text("see means of payment", "siehe Zahlarten") if by_means else booked,
            since=since or case.since,
            until=None if follows is None else follows - timedelta(days=1),
            others=None if not others else _choices_text(others),
            source=case.source,
            note=case.note,
            setting=case.setting or ("fiscal_cases" if others else ""),
        )


def _booked(case: FiscalCase, option: Option) -> Text:
    """`MehrzweckgutscheinKauf, key 5`; where there is a choice, what it means as well."""
    parts: list[Text] = []
    if option.bon_typ != "Beleg":
        parts.append(Text(f"BON_TYP {option.bon_typ}", f"BON_TYP {option.bon_typ}"))
    if option.gv_typ is not None:
        name = f" „{case.gv_name}“" if case.gv_name else ""
        parts.append(Text(f"{option.gv_typ}{name}", f"{option.gv_typ}{name}"))
    if option.key is not None:
        key = KEYS[option.key]
        parts.append(Text(f"key {key.en}", f"Schlüssel {key.de}"))
    if option.payment is not None:
        parts.append(Text(f"ZAHLART_TYP {option.payment}", f"ZAHLART_TYP {option.payment}"))
    return Text(", ".join(part.en for part in parts), ", ".join(part.de for part in parts))


def _choices_text(options: Iterable[Option]) -> Text:
    known = tuple(options)
    return Text(
        "; ".join(f"`{one.name}`: {one.means.en}" for one in known),
        "; ".join(f"`{one.name}`: {one.means.de}" for one in known),
    )


def _rates(chain: Chain) -> Section:
    rows = []
    for rate in sorted(chain.vat, key=lambda row: (row.country, row.vat, row.valid_from)):
        follows = _next(chain, rate)
        number = f"{rate.rate / 100:.2f}".rstrip("0").rstrip(".")
        rows.append(
            Policy(
                name=f"vat.{rate.country}.{rate.vat}",
                what=Text(rate.label, rate.label),
                in_force=Text(
                    f"{number} %, key {rate.dsfinvk_key}",
                    f"{number.replace('.', ',')} %, Schlüssel {rate.dsfinvk_key}",
                ),
                since=rate.valid_from,
                until=None if follows is None else follows - timedelta(days=1),
                source="DSFinV-K 2.4, Anhang 2 (UST_SCHLUESSEL)",
                setting="vat",
            )
        )
    return Section(
        Text("VAT rates", "Steuersätze"),
        Text("By business date.", "Nach dem Geschäftstag."),
        tuple(rows),
    )


def _next(chain: Chain, rate: VatRate) -> date | None:
    later = [
        other.valid_from
        for other in chain.vat
        if (other.country, other.vat) == (rate.country, rate.vat)
        and other.valid_from > rate.valid_from
    ]
    return min(later, default=None)


def _means(chain: Chain) -> Section:
    return Section(
        Text("Means of payment", "Zahlarten"),
        Text(
            "How the signed data and the export count them; Keine: no payment, but a case above.",
            "Wie Signatur und Export sie zählen; Keine: keine Zahlung, sondern ein Fall von oben.",
        ),
        tuple(
            Policy(
                name=f"means_of_payment.{means.kind}",
                what=Text(means.name, means.name),
                in_force=_means_value(means),
                source="DSFinV-K 2.4, ZAHLART_TYP, Anhang I",
                setting="means_of_payment",
            )
            for means in chain.means_of_payment
        ),
    )


def _means_value(means: MeansOfPayment) -> Text:
    """`Unbar, ZAHLART_TYP ElZahlungsdienstleister`."""
    row = BY_NAME.get(PAYMENT_KINDS.get(means.kind, ""))
    usual = means.fiscal if row is None else row.default.payment
    payment_type = means.payment_type or usual
    text: str = means.fiscal
    if payment_type != means.fiscal:
        text = f"{means.fiscal}, ZAHLART_TYP {payment_type}"
    return Text(text, text)


def _settings(chain: Chain, sign_within_s: float) -> Section:
    rows = [
        Policy(
            name="fiscal.signing.within",
            what=Text("After its recording a process may still be signed for",
                      "Nach der Aufzeichnung kann ein Vorgang noch signiert werden"),
            in_force=Text(f"{sign_within_s:g} seconds", f"{sign_within_s:g} Sekunden"),
            source="AEAO zu § 146a, 1.14",
            setting="KASSENVERBUND_SIGN_WITHIN_S",
        )
    ]  # fmt: skip
    for name, meaning in MEANINGS.items():
        part, field = name.split(".")
        value = getattr(getattr(chain, part), field)
        rows.append(
            Policy(
                name=name,
                what=meaning.what,
                in_force=_value(value, meaning.unit, chain.currency),
                source=meaning.source,
                setting=name,
            )
        )
    return Section(
        Text("Choices of the chain", "Festlegungen der Kette"),
        Text(
            "Set in chain.yaml for all stores.",
            "In chain.yaml für alle Filialen festgelegt.",
        ),
        tuple(rows),
    )


def _value(value: object, unit: str, currency: str) -> Text:
    if value is None:
        return Text("none", "keine")
    if unit == "yes":
        return Text("yes", "ja") if value else Text("no", "nein")
    if unit == "word":
        return WORDS[str(value)]
    if unit == "money":
        assert isinstance(value, int)
        text = f"{value // 100}.{value % 100:02d} {currency}"
        return Text(text, text.replace(".", ","))
    word = next(text for known, text in UNITS.items() if known == unit)
    return Text(f"{value} {word.en}", f"{value} {word.de}")


def _store(chain: Chain, store: Store, since: Since) -> Section:
    entity = chain.legal_entity(store.legal_entity)
    tax = entity.vat_id or entity.tax_number or ""
    address = store.address
    place = Text("the store's own box", "Filialrechner") if store.signing_place == "box" else Text(
        "the center", "Zentrale"
    )  # fmt: skip
    offline = store.vouchers_offline
    facts: tuple[tuple[str, Text, Text, str], ...] = (
        ("legal_entity", Text("Business", "Unternehmen"), _same(f"{entity.name}, {tax}"), ""),
        ("address", Text("Address", "Anschrift"),
         _same(f"{address.street}, {address.postal_code} {address.city}"), ""),
        ("time_zone", Text("Time zone of business days", "Zeitzone der Geschäftstage"),
         _same(store.time_zone), ""),
        ("country", Text("Fiscal rules", "Fiskalregeln"), _same(store.country), ""),
        ("signing_place", Text("Signed at", "Signiert durch"), place, ""),
        ("tses", Text("TSEs", "TSEs"), _tses(store), "AO § 146a (1)"),
        ("vouchers_offline", Text("Vouchers without a line", "Gutscheine ohne Verbindung"),
         WORDS[offline.policy], ""),
        *_declared(since),
        ("closing", Text("Closing", "Kassenabschluss"), _closing(store), ""),
    )  # fmt: skip
    return Section(
        Text(f"Store {store.id}: {store.name}", f"Filiale {store.id}: {store.name}"),
        NOTHING,
        tuple(
            Policy(
                name=f"store.{store.id}.{fact}",
                what=what,
                in_force=value,
                since=since.get((store.id, fact)),
                source=source,
                setting=f"stores.{store.id}.{fact}",
                store=store.id,
            )
            for fact, what, value, source in facts
        ),
    )


def _tses(store: Store) -> Text:
    """`tse-berlin (software, nicht zertifiziert)`."""
    not_certified = Text("not certified", "nicht zertifiziert")
    not_said = Text("certification not declared", "Zertifizierung nicht angegeben")
    known = [
        (
            f"{tse.id} ({tse.kind}",
            not_certified if tse.kind == "software" else _same(tse.certification_id)
            if tse.certification_id else not_said,
        )
        for tse in store.tses
    ]  # fmt: skip
    return Text(
        ", ".join(f"{name}, {certified.en})" for name, certified in known),
        ", ".join(f"{name}, {certified.de})" for name, certified in known),
    )


def _declared(since: Since) -> tuple[tuple[str, Text, Text, str], ...]:
    """What is the same in all stores, but may have reached them on different days."""
    if not since:
        return ()
    above = Text("as above", "wie oben")
    return (
        ("vat", Text("VAT rates", "Steuersätze"), above, ""),
        ("means_of_payment", Text("Means of payment", "Zahlarten"), above, ""),
        ("cost_centers", Text("Cost centers", "Kostenstellen"), above, ""),
        ("fiscal_choices", Text("Choices of fiscal cases", "Wahl der Fälle"), above, ""),
    )


def _closing(store: Store) -> Text:
    at = store.closing.automatic_at
    if at is None:
        return Text("by hand", "von Hand")
    return Text(f"by hand, at the latest at {at}", f"von Hand, spätestens um {at} Uhr")


def _same(text: str) -> Text:
    return Text(text, text)
