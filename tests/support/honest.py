"""Makes what honest platforms and people send when somebody signs up: bodies and headers, as varied as the formats allow. Same seed, same values."""

from __future__ import annotations

import base64
import random
import string
import uuid
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address

from service.cardguard import formats

FIRST = [
    "Mira",
    "Jürgen",
    "Zoë",
    "Nguyễn",
    "Søren",
    "Łukasz",
    "Ødegård",
    "Siobhán",
    "Ñuño",
    "Þórr",
    "Дмитрий",
    "Ольга",
    "Γιώργος",
    "Ελένη",
    "李小龙",
    "山田",
    "太郎",
    "たろう",
    "김민수",
    "محمد",
    "فاطمة",
    "דוד",
    "שרה",
    "राहुल",
    "प्रिया",
    "สมชาย",
    "தமிழ்",
    "గీత",
    "三四郎",
    "五十嵐",
    "一二三",
    "ქეთევან",
    "Արամ",
    "ຄຳ",
    "ខេមរា",
    "Pan",
    "Cid",
    "Visa",
    "Pin",
    "D\u2019Arcy",
    "O'Neil",
]
LAST = [
    "Doe",
    "Smith-Jones",
    "Müller",
    "García",
    "Kowalska",
    "Иванов",
    "Παπαδόπουλος",
    "王",
    "佐藤",
    "박",
    "الخطيب",
    "כהן",
    "शर्मा",
    "Jr.",
    "III",
    "2nd",
    "Nkosi",
    "零",
    "九鬼",
]
HOSTS = ["example.org", "mail.example.com", "example.co.uk", "xn--bcher-kva.example", "privaterelay.example-id.com"]
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.205 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148",
    "python-requests/2.32.3",
    "okhttp/4.12.0",
)
ZIPS = [
    "#####",
    "#####-####",
    "########",
    "#####-###",
    "###-####",
    "#####",
    "@##",
    "#@@",
    "@#@#@#",
    "@#@",
    "#@#",
    "####",
    "####",
    "@@",
    "@###",
    "#@@",
    "##-###",
    "######",
]
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


class Honest:
    """A source of honest values."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def text(self, letters, length):
        return "".join(self.chance.choices(letters, k=length))

    def hexes(self, length):
        return self.text("0123456789abcdef", length)

    def uuid(self):
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=self.chance.choice([1, 4, 5])))

    def account(self):
        """A name for an account that the door takes (formats.is_account)."""
        ways = [
            self.uuid,
            lambda: self.text(string.digits, self.chance.randint(1, 12)),
            lambda: f"acct_{self.hexes(24)}",
            lambda: f"org-{self.text(string.digits, 8)}",
            lambda: self.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26),
            lambda: self.text(string.ascii_letters + string.digits + "-_", self.chance.choice([21, 43, 64])),
            lambda: self.hexes(self.chance.choice([8, 12, 16])),
            lambda: f"{self.chance.choice(['acme', 'globex'])}-{self.chance.randint(1, 10**6)}",
            lambda: self.uuid().upper(),
        ]
        while True:
            found = self.chance.choice(ways)()
            if formats.is_account(found):
                return found

    def name(self, samples):
        words = self.chance.sample(samples, k=self.chance.choice([1, 1, 1, 2]))
        made = " ".join(words)
        return f"{made} {self.chance.randint(1, 99)}" if self.chance.random() < 0.02 else made

    def email(self):
        local = self.chance.choice(
            [
                f"mira.{self.chance.randint(1, 10**9)}",
                self.text(string.ascii_lowercase, 8),
                self.text(string.digits, 11),
                f"a+{self.text(string.ascii_lowercase + '0', 12)}",
                self.text(string.ascii_lowercase, 60),
            ]
        )
        return f"{local}@{self.chance.choice(HOSTS)}"

    def zip(self):
        signs = {"#": string.digits, "@": string.ascii_uppercase}
        return "".join(self.chance.choice(signs.get(sign, sign)) for sign in self.chance.choice(ZIPS))

    def address(self):
        if self.chance.random() < 0.5:
            return ".".join(str(self.chance.randint(0, 255)) for _ in range(4))
        six = IPv6Address((0x2 << 124) | self.chance.getrandbits(124))
        return self.chance.choice(
            [six.compressed, six.exploded, f"2001:db8::{self.hexes(4)}", f"::ffff:192.0.2.{self.chance.randint(0, 9)}"]
        )

    def opening(self):
        """A body of `POST /v1/checkout-sessions`."""
        return {
            "account": self.account(),
            "plan": self.chance.choice(["team", "business"]),
            "members": self.chance.randint(1, 100_000),
            "purpose": "subscribe",
            "client_address": self.address(),
        }

    def completion(self):
        """A body of `POST /v1/checkout-sessions/{id}/completion`."""
        payer = {
            "first_name": self.name(FIRST),
            "last_name": self.name(LAST),
            "email": self.email(),
            "country": self.text(string.ascii_uppercase, 2),
            "state": self.text(string.ascii_uppercase, 2),
            "zip": self.zip(),
        }
        return {"payer": payer, "fraud_session_id": self.hexes(32)}

    def headers(self):
        """Headers of either request."""
        moment = EPOCH + timedelta(seconds=self.chance.randint(0, 10**8), microseconds=self.chance.randint(0, 999_999))
        milliseconds = int(moment.timestamp() * 1000)
        return {
            "User-Agent": self.chance.choice(AGENTS),
            "Host": f"billing-{self.chance.randint(1, 999)}.example.org:8443",
            "Content-Length": str(self.chance.randint(1, 65536)),
            "Accept-Language": "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7,fr;q=0.6",
            "X-Forwarded-For": ", ".join(self.address() for _ in range(self.chance.randint(1, 4))),
            "X-Request-Id": self.chance.choice(
                [self.uuid(), self.hexes(32), self.text(string.ascii_letters + string.digits, 22)]
            ),
            "X-Request-Start": f"t={self.chance.choice([milliseconds, milliseconds * 1000, f'{moment.timestamp():.3f}'])}",
            "Date": moment.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "X-Sent": self.chance.choice([moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]]),
            "X-Digest": base64.b64encode(self.chance.randbytes(32)).decode(),
            "X-Sha256": self.hexes(64),
            "X-Commit": self.hexes(40),
            "Traceparent": f"00-{self.hexes(32)}-{self.hexes(16)}-01",
        }
