"""Daily quotas: counting requests, and the rate limit headers (draft-ietf-httpapi-ratelimit-headers)."""

import math
from datetime import datetime

from shared.accounts.daily_quota import Quota, Usage
from shared.accounts.store import Account
from shared.core.errors import QuotaExceeded
from shared.resources import Resources

_DAY_SECONDS = 86_400


async def count_request(resources: Resources, account: Account, quota: Quota, now: datetime) -> Usage:
    """Count a request against a quota of the account. Raises `QuotaExceeded`."""
    own_limit = account.fetch_quota if quota is Quota.FETCH else account.read_quota
    return await resources.quotas.take(account.id, quota, own_limit, now)


def limit_headers(usage: Usage, now: datetime) -> dict[str, str]:
    """The headers of the quota that a request was counted against."""
    seconds = max(0, math.ceil((usage.resets_at - now).total_seconds()))
    return {
        "RateLimit-Policy": f'"{usage.quota}";q={usage.limit};w={_DAY_SECONDS}',
        "RateLimit": f'"{usage.quota}";r={usage.left};t={seconds}',
        "X-RateLimit-Limit": str(usage.limit),
        "X-RateLimit-Remaining": str(usage.left),
        "X-RateLimit-Reset": str(math.ceil(usage.resets_at.timestamp())),
    }


def exceeded_headers(error: QuotaExceeded, now: datetime) -> dict[str, str]:
    """The same headers for a rejected request."""
    used_up = Usage(Quota(error.quota), error.limit, error.limit, error.retry_at or now)
    return limit_headers(used_up, now)
