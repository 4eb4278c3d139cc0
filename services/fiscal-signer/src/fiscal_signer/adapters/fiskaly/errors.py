"""What a refusal of the interface means for the port.

Codes from the SIGN DE document ("Errors and Status Codes"). What the component behind the
interface says with a 5xx is passed through under its own name (`ERROR_IDENTIFY_ERS`); the names
of the other ones follow the same pattern from the errors of BSI TR-03151 and are not documented.
"""

from __future__ import annotations

from collections.abc import Mapping

from fiscal_signer.ports import TseError

FAULTS: Mapping[str, TseError] = {
    "E_TSS_DISABLED": TseError.DISABLED,
    "E_TSS_DEFECTIVE": TseError.DISABLED,
    "E_TSS_DELETED": TseError.DISABLED,
    "E_TSS_EVICTED": TseError.DISABLED,
    "E_TSS_NOT_INITIALIZED": TseError.NOT_INITIALIZED,
    "E_TSS_NOT_FOUND": TseError.NOT_INITIALIZED,
    "E_TSS_LOCKED": TseError.BUSY,
    "E_MIDDLEWARE_PENDING_REQUEST": TseError.BUSY,
    "E_EXPORT_IN_PROGRESS": TseError.BUSY,
    "E_SMAERS_GATEWAY_CAPACITIES_DEPLETED": TseError.BUSY,
    "E_UNAUTHORIZED": TseError.USER_NOT_AUTHENTICATED,
    "E_ACCESS_DENIED": TseError.USER_NOT_AUTHORIZED,
    "E_USE_MIDDLEWARE": TseError.USER_NOT_AUTHORIZED,
    "SMAERS_GATEWAY_ERROR_PRECONDITION_UNEXPORTED_LOGS": TseError.STORAGE_FAILURE,
    "ERROR_STORAGE_FAILURE": TseError.STORAGE_FAILURE,
    "ERROR_TIME_NOT_SET": TseError.TIME_NOT_SET,
    "ERROR_CERTIFICATE_EXPIRED": TseError.CERTIFICATE_EXPIRED,
    "ERROR_SECURE_ELEMENT_DISABLED": TseError.DISABLED,
    "WRONG_STATE_NEEDS_SELF_TEST": TseError.BUSY,
}
"""The device as a whole does not sign now: an outage, if it lasts."""

REFUSALS: Mapping[str, TseError] = {
    "E_CLIENT_NOT_FOUND": TseError.ID_NOT_FOUND,
    "E_CLIENT_DEREGISTERED": TseError.ID_NOT_FOUND,
    "E_CLIENT_LIMIT_REACHED": TseError.TOO_MANY_CLIENTS,
    "E_ILLEGAL_CLIENT_SERIAL": TseError.PARAMETER_MISMATCH,
    "E_CLIENT_CONFLICT": TseError.PARAMETER_MISMATCH,
    "E_TX_LIMIT_REACHED": TseError.TOO_MANY_TRANSACTIONS,
    "E_TX_NOT_FOUND": TseError.TRANSACTION_NUMBER_NOT_FOUND,
    "E_FAILED_SCHEMA_VALIDATION": TseError.PARAMETER_MISMATCH,
    "E_ADMIN_LOGIN_FAILED": TseError.USER_NOT_AUTHENTICATED,
    "E_ADMIN_PIN_BLOCKED": TseError.USER_NOT_AUTHENTICATED,
}
"""The device works and will never do this step."""

CLOSED_STATES = frozenset({"DISABLED", "DEFECTIVE", "DELETED", "EVICTED"})
"""States of a TSS that no call leads out of."""


class Declined(Exception):
    """The interface answered with a 4xx that concerns this call and not the device."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}".strip())
        self.status = status
        self.code = code

    @property
    def refusal(self) -> TseError | None:
        """What it means for a step, where the code says it by itself."""
        return REFUSALS.get(self.code)


def fault_for(status: int, code: str) -> TseError | None:
    """The fault of the whole device behind an answer; None: it concerns the call alone."""
    known = FAULTS.get(code)
    if known is not None:
        return known
    if code in REFUSALS:
        return None
    if status in (423, 429, 503):
        return TseError.BUSY
    if status in (401, 403):
        return TseError.USER_NOT_AUTHORIZED
    # 499: the connection was closed early; the document asks to repeat it like a 5xx.
    return TseError.UNREACHABLE if status >= 499 else None
