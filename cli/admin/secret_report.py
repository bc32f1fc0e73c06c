"""The report of `releve admin check-secrets`: how much depends on each server secret, and how to retire old ones."""

from collections.abc import Iterator

from shared.lifecycle.secret_rotation import SecretUse


def describe(use: SecretUse) -> Iterator[str]:
    """The report, line by line; key ids only, never a secret."""
    for key_id in use.key_ids:
        yield f"{_role(use, key_id)} {key_id}"
        yield from (f"  {count:>8}  {kind}" for kind, count in _counts(use, key_id))
        if not use.total(key_id):
            yield "  nothing depends on it"
    if use.consent_hashes:
        yield (
            f"{use.consent_hashes} consents are identified by hashes that name no secret: keep the previous one "
            "listed for a day after every process has the new one, and until those that await approval are decided"
        )
    yield from _advice(use)


def _advice(use: SecretUse) -> Iterator[str]:
    for key_id in use.key_ids:
        if key_id == use.current or not use.total(key_id):
            continue
        if key_id not in use.known:
            yield f"{key_id} is not listed: list it in RELEVE_PREVIOUS_SECRET_KEYS to decrypt what depends on it"
            continue
        if any(key_id in each for each in use.encrypted.values()):
            yield f"{key_id} has rows left: run `releve admin rotate-secret`"
        if key_id in use.readings:
            yield (
                f"{key_id} protects readings, which can be decrypted only while it is listed: wait until they are "
                "fetched again or too old to keep, or delete them with `releve admin rotate-secret --forget-readings`"
            )
        if key_id in use.audit_links:
            yield (
                f"{key_id} is in links of the audit: without it those chains are reported as broken, until retention "
                "has removed their old events"
            )


def _role(use: SecretUse, key_id: str) -> str:
    if key_id == use.current:
        return "current"
    return "previous" if key_id in use.known else "unknown"


def _counts(use: SecretUse, key_id: str) -> Iterator[tuple[str, int]]:
    kinds = {**use.encrypted, "sealed readings (windows)": use.readings, "audit events": use.audit_links}
    for kind, counts in kinds.items():
        if key_id in counts:
            yield kind, counts[key_id]
