"""The rules that an export must keep, each as a sentence that holds or does not.

Sources: DSFinV-K 2.4 with annex I (process data, signatures) and annex 2 (VAT keys), the AEAO to
§ 146a AO, the GDPdU description standard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RULES: Final[Mapping[str, str]] = {
    "index_valid": "index.xml is valid against gdpdu-01-09-2004.dtd",
    "dtd_official": "gdpdu-01-09-2004.dtd is the authority's",
    "index_standard": "index.xml declares tables and columns as DSFinV-K does",
    "files_there": "every declared file and every needed table is there",
    "rows_form": "rows have the declared form (UTF-8, CRLF, columns, lengths, numbers)",
    "words_known": "fixed words are those of DSFinV-K",
    "times_form": "times are ISO 8601 with an offset",
    "times_order": "nothing ends before it begins, and no BON after its closing",
    "closing_known": "every row belongs to a closing of cashpointclosing.csv",
    "closing_master": "a closing has one till, a place and VAT rates",
    "closing_numbers": "the Z numbers of a till have no gap",
    "closing_times": "a till's closings follow each other in time",
    "closing_ends": "Z_START_ID and Z_ENDE_ID are the first and the last BON",
    "closing_tables": "a closing has business cases, payments and currencies, or none of them",
    "closing_cases": "businesscases.csv is the sum of the closing's lines",
    "closing_payments": "payment.csv is the sum of the closing's payments",
    "closing_totals": "Z_SE_ZAHLUNGEN and Z_SE_BARZAHLUNGEN are the sums of the payments",
    "closing_cash": "cash_per_currency.csv is the sum of the cash payments",
    "bon_known": "every row belongs to a BON and a line that are there",
    "bon_ids": "a BON_ID stands once per till, and a line once per BON",
    "bon_numbers": "the BON numbers of a till have no gap",
    "bon_named": "other processes (AVSonstige) have a BON_NAME",
    "bon_storno": "BON_STORNO and AVBelegstorno do not occur beside a TSE",
    "vat_arithmetic": "gross less net is the tax",
    "vat_of_rate": "the tax is the rate's",
    "vat_keys": "every VAT key stands in vat.csv",
    "vat_rates": "a VAT key has its legal rate",
    "vat_of_lines": "the lines of a BON add up to its sums per VAT key",
    "vat_of_case": "business cases that are not taxable have the VAT key 5",
    "gross": "the sums per VAT key add up to UMS_BRUTTO",
    "paid": "the payments of a Beleg add up to UMS_BRUTTO",
    "prices": "quantity times price is the line's amount",
    "price_parts": "the parts of a price add up to the line's amount",
    "references_named": "a reference names what it refers to",
    "references_resolve": "a reference leads to a BON that is there",
    "references_needed": "a settled claim or down payment refers to where it arose",
    "terminals_known": "every terminal other than the till stands in slaves.csv",
    "agencies_known": "every agency stands in pa.csv",
    "tse_known": "every TSE_ID stands in tse.csv",
    "tse_keys": "a TSE's serial number is the hash of its key, and its certificate holds the key",
    "tse_rows": "every BON has its TSE transaction, or says why not",
    "tse_process": "the signed process is of the BON's kind",
    "tse_slots": "the signed sums are the BON's sums",
    "tse_payments": "the signed payments are the BON's payments",
    "tse_order": "the signed order is the BON's lines",
    "tse_signature": "the signature over a BON is right",
    "tse_numbers": "no transaction number stands twice",
    "tse_counters": "no signature counter stands twice",
    "tse_times": "log time does not go back from counter to counter",
    "tar_holds": "what is signed here stands in the TSE's export",
    "tar_start": "the start time is that of the start's log message",
    "tar_complete": "what the TSE signed for these tills is here, or is explained",
}

NOTES: Final[Mapping[str, tuple[str, str]]] = {
    "table_unknown": ("note", "this table is none of DSFinV-K"),
    "table_undeclared": ("wrong", "this table is not declared in index.xml"),
    "file_further": ("note", "this file is none of DSFinV-K"),
    "column_further": ("note", "a column that is none of DSFinV-K"),
    "left_unsigned": ("note", "not signed, and the reason is given"),
    "signed_with_failure": ("note", "signed, and a failure was noted"),
    "process_data_cut": ("undecided", "the process data is cut: the signature cannot be checked"),
    "return_without_reference": ("note", "goods taken back without a reference"),
    "reference_outside": ("note", "the reference leads out of this export"),
    "voucher_unnumbered": ("note", "a voucher without its number"),
    "tar_missing": ("undecided", "the export of this TSE was not given (--tar)"),
    "tar_explained": ("note", "signed without a BON, as the export explains"),
    "tar_aborted": ("note", "an aborted transaction without a BON"),
    "no_closings": ("wrong", "there is no closing in it"),
    "not_judged": ("wrong", "these tables cannot be judged further"),
    "more_of_this": ("wrong", "more breaches of the same rule"),
}
"""Verdicts that are no rule's: level and sentence."""
