"""What the shop prints on its pages: plans with prices per member, countries and states. It decides nothing: Panless names the total."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.cards import NAMED

MAX_MEMBERS = 500
DEFAULT_MEMBERS = 3


@dataclass(frozen=True)
class Plan:
    """One column of the pricing page. `cents` is USD cents per member and month."""

    id: str
    name: str
    cents: int
    summary: str
    features: tuple[str, ...]

    @property
    def price(self) -> str:
        """The price per member and month as people read it, "29.00"."""
        return f"{self.cents // 100}.{self.cents % 100:02d}"


PLANS = (
    Plan(
        "community",
        "Community",
        0,
        "For small groups, and to try it out.",
        ("Shared notes and checklists", "Up to 5 members", "30 days of history"),
    ),
    Plan(
        "team",
        "Team",
        2900,
        "For teams that work in it every day.",
        ("Everything in Community", "Unlimited history", "Decision log with owners", "Guest links"),
    ),
    Plan(
        "business",
        "Business",
        4900,
        "For companies with rules to follow.",
        ("Everything in Team", "Single sign-on", "Audit log and retention rules", "Support within 4 hours"),
    ),
)
PAID = {plan.id: plan for plan in PLANS if plan.cents}
NAMES = {plan.id: plan.name for plan in PLANS}


@dataclass(frozen=True)
class TestCard:
    """A line of the table that tells visitors what to type; `month` is the expiry month that brings this result about."""

    number: str
    month: str
    result: str


def _test_card(name: str, result: str) -> TestCard:
    """A published test card by its name in the simulator, the number in the groups that are printed on cards."""
    digits, month = NAMED[name]
    sizes = (4, 6, 5) if len(digits) == 15 else (4, 4, 4, 4)
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    groups = (digits[start : start + size] for start, size in zip(starts, sizes, strict=True))
    return TestCard(" ".join(groups), f"{month:02d}", result)


TEST_CARDS = (
    _test_card("visa", "Paid"),
    _test_card("mastercard", "Paid"),
    _test_card("amex", "Paid"),
    _test_card("insufficient_funds", "Declined"),
    _test_card("three_d_secure", "The bank asks for a check"),
)

_COUNTRIES = """
AU Australia|AT Austria|BE Belgium|BR Brazil|BG Bulgaria|CA Canada|CL Chile|CO Colombia|HR Croatia|CY Cyprus|CZ Czechia|DK Denmark|EE Estonia
FI Finland|FR France|DE Germany|GR Greece|HK Hong Kong|HU Hungary|IS Iceland|IN India|ID Indonesia|IE Ireland|IL Israel|IT Italy|JP Japan
KE Kenya|LV Latvia|LI Liechtenstein|LT Lithuania|LU Luxembourg|MY Malaysia|MT Malta|MX Mexico|NL Netherlands|NZ New Zealand|NG Nigeria
NO Norway|PH Philippines|PL Poland|PT Portugal|RO Romania|SG Singapore|SK Slovakia|SI Slovenia|ZA South Africa|KR South Korea|ES Spain
SE Sweden|CH Switzerland|TH Thailand|TR Türkiye|AE United Arab Emirates|GB United Kingdom|US United States|VN Vietnam
"""
_STATES = {
    "US": """
AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|DC District of Columbia|FL Florida|GA Georgia
HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan
MN Minnesota|MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York
NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee
TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming
""",
    "CA": """
AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NT Northwest Territories|NS Nova Scotia|NU Nunavut
ON Ontario|PE Prince Edward Island|QC Quebec|SK Saskatchewan|YT Yukon
""",
}


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Lines of "XX Name|YY Name" as (code, name) pairs."""
    entries = (entry.strip() for line in text.strip().splitlines() for entry in line.split("|"))
    return tuple((entry[:2], entry[3:]) for entry in entries)


COUNTRIES = _pairs(_COUNTRIES)
STATES = {country: _pairs(text) for country, text in _STATES.items()}
