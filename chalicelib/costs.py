"""What calls cost by the price list: an upper estimate, in US dollars.

Counted is what a provider may have charged for: every attempt of a call that it answered, and of one that failed
without the provider having said no, since the work may have been done (a timeout, a broken connection, an answer
that made no sense or came from another model version than the one pinned). Of a query it is the bytes that were
billed, which are those of all attempts. Not counted is what providers do not
charge for (``NOT_CHARGED``), and what was not asked of one: a circuit that is open, no place free. A call whose
answer was reused, or shared with an identical one in flight, costs nothing; it saves what one attempt would have
cost. Free tiers, volume discounts and what an endpoint costs by the hour are not in it.

A call without a price, or one that does not say how much it used (a query that timed out), is listed as unpriced:
it never passes for one that cost nothing.

The price list is plain JSON, which ``workbench.pricing`` reads from ``usecases/pricing.yaml``: provider ->
operation -> ``{"usd": 1.5, "per": 1000, "unit": "picture", …}``. An operation is ``"CAPABILITY/MODEL"``,
``"CAPABILITY"`` or ``"any"``; the first of them that is there holds. MODEL is the name under which ``predict`` was
asked for it, or the one that the provider gave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CURRENCY = "USD"
ANY = "any"  # the operation whose price holds for those that have none of their own
DECIMALS = 9  # of a dollar: embedding one character costs some 25 of these
NOT_CHARGED = frozenset({"throttled", "server-error", "credentials", "refused"})

# call and item are counted here; of the others a call's ``units`` say how many it used
UNITS = ("call", "item", "picture", "character", "byte")

Prices = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Exact sums in dollars, and the operations that they leave out."""

    estimate: Decimal = Decimal()
    saved: Decimal = Decimal()
    unpriced: frozenset[str] = frozenset()

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.estimate + other.estimate, self.saved + other.saved, self.unpriced | other.unpriced)

    def as_dict(self) -> dict[str, Any]:
        """``{"currency": "USD", "estimate": 0.0021, "saved": 0.001, "unpriced": ["http/predict"]}``, rounded."""
        return {
            "currency": CURRENCY,
            "estimate": rounded(self.estimate),
            "saved": rounded(self.saved),
            "unpriced": sorted(self.unpriced),
        }


NOTHING = Cost()


def of_calls(calls: Iterable[Mapping[str, Any]], prices: Prices) -> Cost:
    """What a decision's calls, or any others, came to."""
    return sum((of_call(call, prices) for call in calls), NOTHING)


def of_call(call: Mapping[str, Any], prices: Prices) -> Cost:
    """What one call came to. ``call`` is ``chalicelib.asking.Call.as_dict()``."""
    reused, times = is_reused(call), _times(call)
    if not times:
        return NOTHING
    price = price_of(call, prices)
    amount = None if price is None else _amount(call, price)
    if price is None or amount is None:
        return Cost(unpriced=frozenset({operation(call, prices)}))
    return Cost(saved=amount) if reused else Cost(estimate=amount * (1 if _is_billed(price) else times))


def price_of(call: Mapping[str, Any], prices: Prices) -> Mapping[str, Any] | None:
    """The entry of the price list that holds for a call, or None."""
    operations, capability = prices.get(call["provider"], {}), call["capability"]
    for name in (f"{capability}/{call.get('asked')}", f"{capability}/{call.get('model')}", capability, ANY):
        if name in operations:
            return operations[name]
    return None


def operation(call: Mapping[str, Any], prices: Prices) -> str:
    """``"provider/capability"``, and the model where the price list tells models apart."""
    name, model = f"{call['provider']}/{call['capability']}", call.get("asked") or call.get("model")
    by_model = any(key.startswith(f"{call['capability']}/") for key in prices.get(call["provider"], ()))
    return f"{name}/{model}" if by_model and model else name


def is_reused(call: Mapping[str, Any]) -> bool:
    """Whether the answer was paid for by another call."""
    return call.get("reused_from") is not None or bool(call.get("shared"))


def rounded(amount: Decimal) -> float:
    """An amount as JSON holds it: to a billionth of a dollar."""
    return round(float(amount), DECIMALS)


def _times(call: Mapping[str, Any]) -> int:
    """How often the price of a call is due, or saved: 0 where it is neither."""
    error = call.get("error")
    if is_reused(call):
        return 0 if error else 1
    return 0 if error in NOT_CHARGED else int(call.get("attempts", 1))


def _amount(call: Mapping[str, Any], price: Mapping[str, Any]) -> Decimal | None:
    """What one attempt costs; None where the call does not say how much it used."""
    usd, unit = Decimal(str(price["usd"])), price["unit"]
    if usd and _is_unsaid(call, price):
        return None
    used = {"call": 1, "item": call.get("items", 1)}.get(unit, call.get("units", 1))
    return usd * Decimal(str(used)) / int(price["per"])


def _is_unsaid(call: Mapping[str, Any], price: Mapping[str, Any]) -> bool:
    """Whether nobody said how much a call used: 1 is left out of a stored call, and no query reads one byte."""
    if "units" in call or price["unit"] not in ("character", "byte"):
        return False
    return _is_billed(price) or bool(call.get("error")) or bool(call.get("shared"))


def _is_billed(price: Mapping[str, Any]) -> bool:
    """Whether ``units`` are what the provider says that it charges for, all attempts together."""
    return bool(price["unit"] == "byte")
