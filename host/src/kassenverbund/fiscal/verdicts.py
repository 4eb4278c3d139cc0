"""What can be said of an item, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kassenverbund.fiscal.dsfinvk.rules import NOTES, RULES


class Level(StrEnum):
    RIGHT = "right"
    NOTE = "note"
    """Worth knowing; nothing is wrong."""
    UNDECIDED = "undecided"
    """It could not be checked. That is not a pass."""
    WRONG = "wrong"


_R, _N, _U, _W = Level.RIGHT, Level.NOTE, Level.UNDECIDED, Level.WRONG

BREACH = "does NOT hold: "

CODES: Mapping[str, tuple[Level, str]] = {
    "signature_right": (_R, "the signature is right"),
    "chain_right": (_R, "the certificate chain leads to a given root"),
    "chain_to_own_root": (_N, "the chain ends at a root that nobody vouches for here (--root)"),
    "chain_elsewhere": (_N, "the issuer's certificate is in the TSE's export, not here"),
    "not_certified": (_N, "by its own word a device that is not certified"),
    "info_missing": (_N, "there is no readable info.csv"),
    "no_logs": (_N, "there is no log message in it"),
    "file_unexpected": (_N, "this file does not belong into an export"),
    "name_unusual": (_N, "the file name has another form than the standard says"),
    "process_type_unusual": (_N, "the process type is none of the standard's"),
    "process_data_unusual": (_N, "the process data does not have the form of DSFinV-K"),
    "sums_differ": (_N, "taxed amounts and payments differ (tips, for example)"),
    "transactions_open": (_N, "transactions that were started and not finished"),
    "gaps_by_filter": (_N, "missing counters, as in an export that was filtered"),
    "algorithm_unknown": (_U, "a signature of a kind that cannot be checked here"),
    "certificate_unreadable": (_U, "a certificate that cannot be read here"),
    "chain_incomplete": (_U, "the certificate of the issuer is missing (--root)"),
    "malformed": (_W, "malformed"),
    "archive_cut": (_W, "the archive ends in the middle"),
    "signature_wrong": (_W, "the signature is WRONG"),
    "key_unknown": (_W, "no certificate has the key that signed this"),
    "key_wrong": (_W, "signed with another key than the expected one"),
    "key_unreadable": (_W, "the public key cannot be one"),
    "counter_gap": (_W, "signature counters are missing"),
    "counter_twice": (_W, "a signature counter that was used twice"),
    "time_backwards": (_W, "the log time goes back"),
    "transaction_gap": (_W, "transaction numbers are missing"),
    "transaction_twice": (_W, "a transaction that was started or ended twice"),
    "name_differs": (_W, "the file name says something else than the content"),
    "certificate_name_differs": (_W, "the file name is not the hash of the certificate's key"),
    "certificate_not_valid": (_W, "a certificate was not valid at the time of a log message"),
    "chain_broken": (_W, "a certificate was not issued by the one that it names"),
    "root_wrong": (_W, "the chain leads to another root than the given ones"),
    "receipt_differs": (_W, "the receipt code says something else than the signed log message"),
    # Of a DSFinV-K export: a rule that holds everywhere is told once, a breach each time.
    **{f"{rule}.holds": (_R, sentence) for rule, sentence in RULES.items()},
    **{rule: (_W, BREACH + sentence) for rule, sentence in RULES.items()},
    **{code: (Level(level), sentence) for code, (level, sentence) in NOTES.items()},
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict on one item (a file of an archive, a receipt code, a device)."""

    item: str
    code: str
    """A key of `CODES`."""
    detail: str = ""

    @property
    def level(self) -> Level:
        return CODES[self.code][0]

    @property
    def sentence(self) -> str:
        return CODES[self.code][1]

    @property
    def passed(self) -> bool:
        return self.level in (Level.RIGHT, Level.NOTE)
