"""The words under which card data is found, and how deep the search goes: labels, names of fields, tracks, layers and limits, at their borders."""

from __future__ import annotations

import base64
import gzip

import pytest

from service.cardguard import detect
from service.cardguard import detect_forms as forms
from service.cardguard.detect import Find, holds_card, names_card_data, numbers_hold_card
from tests.cardguard.shapes import DIGITS
from tests.support.disguises import KINDS

CANARY = KINDS["D01"]
CARD, TRACK, CODE, TANGLED = (Find(word) for word in ("card_number", "track_data", "security_code", "too_tangled"))


def test_words_of_finds_are_these():
    words = [detect.CARD_NUMBER, detect.TRACK_DATA, detect.SECURITY_CODE, detect.PIN, detect.EXPIRY, detect.TOO_TANGLED]
    assert [find.rule for find in words] == [
        "card_number",
        "track_data",
        "security_code",
        "pin",
        "expiry",
        "too_tangled",
    ]


# Tracks.

NAME = "DOE/JANE"


@pytest.mark.parametrize("length", range(10, 22))
def test_track_has_twelve_digits_before_its_sign_at_least(length):
    number = ("9" * 7 + "1" * 14)[:length]
    assert (holds_card(f"a{number}^{NAME}^3003") == TRACK) is (length >= 12)
    assert (holds_card(f"a{number}=3003") == TRACK) is (length >= 12)


def test_track_may_have_a_letter_for_its_equals_sign():
    assert holds_card("111111111111D3003") == TRACK
    assert holds_card("111111111111d3003") is None
    assert holds_card("111111111111E3003") is None


@pytest.mark.parametrize("expiry", ["0000", "9999", "3012"])
def test_track_has_four_digits_after_its_sign(expiry):
    assert holds_card(f"111111111111={expiry}") == TRACK
    assert holds_card(f"1111111111111={expiry[:3]}") is None
    assert holds_card(f"1111111111111={expiry[:3]}a") is None


@pytest.mark.parametrize("size", range(30))
def test_name_of_a_track_has_two_to_twenty_six_signs(size):
    assert holds_card(f"111111111111^{'A' * size}^3003") == (TRACK if 2 <= size <= 26 else None)


@pytest.mark.parametrize("sign", ["^", "\r", "\n"])
def test_name_of_a_track_is_one_line_without_its_sign(sign):
    assert holds_card(f"111111111111^AB{sign}CD^3003") is None
    assert holds_card("111111111111^A B/C.D^3003") == TRACK


@pytest.mark.parametrize("digit", DIGITS)
def test_track_may_have_any_digit_anywhere(digit):
    assert holds_card(f"x{digit * 12}={digit * 4}x") == TRACK


# Security codes under their names.

LABELS = [
    "cvv", "cvv2", "cvc", "cvc2", "cvn", "cvn2", "csc", "securitycode", "security code", "security_code", "security-code",
    "cardverification", "card verification", "card_verification", "card-verification", "card verification code",
    "card-verification-number", "card_verification_value", "cardverificationcode", "cardverificationnumber", "cardverificationvalue",
]  # fmt: skip


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("write", [str, str.upper, str.title])
def test_code_is_found_under_each_of_its_labels(label, write):
    assert holds_card(f"{write(label)}: 737") == CODE
    assert holds_card(f"{write(label)}: 7373") == CODE
    assert holds_card(f"{write(label)} 737.") == CODE


@pytest.mark.parametrize(
    "label",
    [
        "cvv3",
        "cvc1",
        "cvx",
        "cv",
        "csd",
        "securitycod",
        "security  code",
        "securitycodes",
        "cardverif",
        "card verification nr",
        "code",
        "cardverificationno",
    ],
)
def test_number_under_another_label_is_honest(label):
    assert holds_card(f"{label}: 737") is None


@pytest.mark.parametrize("label", LABELS[:4])
@pytest.mark.parametrize("between", [":", "=", " ", "_", "-", '": "', "':'", " = '", "......", "\n\t"])
def test_code_and_label_have_up_to_six_signs_between_them(label, between):
    assert holds_card(f"{label}{between}737") == CODE
    assert holds_card(f"{label}{between}{'.' * (7 - len(between))}737") is None


@pytest.mark.parametrize("label", LABELS)
def test_code_has_three_or_four_digits(label):
    assert [size for size in range(8) if holds_card(f"{label}={'7' * size}")] == [3, 4]
    assert holds_card(f"{label}737") is None
    assert holds_card(f"{label}=a737") is None


@pytest.mark.parametrize("digit", DIGITS)
def test_code_may_have_any_digit(digit):
    assert holds_card(f"cvv={digit * 3}") == holds_card(f"cid={digit * 3}") == CODE
    assert holds_card(f"cvv=111{digit}") == holds_card(f"cid=111{digit}") == CODE
    assert holds_card(f"cvv=1111{digit}") is holds_card(f"cid=1111{digit}") is None


@pytest.mark.parametrize("letter", "amzAMZ")
def test_short_labels_are_words_of_their_own(letter):
    assert holds_card(f"{letter}csc=737") is None
    assert holds_card(f"{letter}cid=737") is None
    assert holds_card("1csc=737 ") == CODE
    assert holds_card("_cid=737 ") == CODE
    assert holds_card(f"{letter}cvv=737") == CODE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cid=737", True),
        ("CID:7373", True),
        ('cid":"737"', True),
        ("cid':'737'", True),
        ('cid": "737"', True),
        ('cid": 737', True),
        ("cid: 737", True),
        ("cid 737", False),
        ("cid737", False),
        ("cid-737", False),
        ("cid==737", False),
        ("cid:   737", False),
        ("cid''=737", False),
        ("cid =737", False),
        ("cid=73", False),
        ("cid=73737", False),
    ],
)
def test_cid_needs_a_colon_or_an_equals_sign(text, found):
    assert holds_card(text) == (CODE if found else None)


# Names of fields.

NAMES = {
    "security_code": "cvv xcvvx cvc xcvcx securitycode xsecuritycodex cardverification xcardverificationx cid csc cvn cvn2 cav cav2",
    "card_number": "cardnumber xcardnumberx ccnumber xccnumberx ccnum xccnumx creditcard xcreditcardx pan cardno primaryaccountnumber",
    "track_data": "track track1 track2 track3 trackdata track1data track2data track3data xtrackdatax magstripe xmagstripex servicecode",
    "pin": "pin pinblock pincode pinnumber cardpin ccpin cardpinblock ccpincode cardpinnumber",
    "expiry": (
        "expdate expmonth expyear expmm expyy expyyyy expirydate expirymonth expiryyear expirymm expiryyy expiryyyyy expirationdate expirationmonth "
        "expirationyear expirationmm expirationyy expirationyyyy cardexpdate ccexpdate cardexpirationyear ccexpmonth cardexpirymonth ccexpirymm "
        "cexp ccexp cardexp cardexpiry cardexpiration"
    ),
}
OTHERS = (
    "cid1 xcid cidx xcsc cscx cvn3 cvn2x xcvn xcav2 cav2x cav3 cvx pan1 xpan panx xcardno cardnox cardnum xprimaryaccountnumber primaryaccountnumberx tracks xtrack track4 "
    "trackdat xtrack1 track1x track1dat servicecodes xservicecode magstrip pins xpin pinx xcardpin cardpinx cpin pinblok pinblockx pincodex xpinblock exp expiry expiration expiries "
    "xexpdate expdatex expday xexpmonth expmonthx expirationx cardexpirationx xcardexp cardexpx cexpx xcexp xccexp ccexpx cardexpiryx xcardexpiry exper cccexp dccexp "
    "expmmm expyyy cexpdate pinumber cardpinnum cexpiry ccexpiry ccnu creditcar securitycod cardverificatio cardexpirat"
)


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, names in NAMES.items() for name in names.split()])
def test_name_of_a_card_field_is_known_however_it_is_written(rule, name):
    for written in (
        name,
        name.upper(),
        "-".join(name),
        f"_{name}_",
        " . ".join(name),
        name.translate({ord(sign): ord(sign) + 0xFEE0 for sign in name if sign.isalpha()}),
    ):
        assert names_card_data(written) == Find(rule)


@pytest.mark.parametrize("name", OTHERS.split())
def test_name_that_is_only_like_it_is_honest(name):
    assert names_card_data(name) is None


def test_name_is_read_as_far_as_two_hundred_signs():
    assert names_card_data("x" * 197 + "cvv") == CODE
    assert names_card_data("x" * 198 + "cvv") is None
    assert names_card_data("") is None


# Text that is looked at no further.


@pytest.mark.parametrize("size", range(14))
def test_short_text_of_a_number_is_found_from_thirteen_digits_on(size):
    number = KINDS["D05"][:size]
    assert holds_card(number) == (CARD if size >= 13 else None)
    assert holds_card(".".join(number)) == (CARD if size >= 13 else None)


@pytest.mark.parametrize("text", ["a" * 17, "Doe, Jane (1st)", "10.0.0.1", "1234.56", "", "-", "a/b:c;d_e'f"])
def test_short_text_is_none(text):
    assert holds_card(text) is None
    assert holds_card(text.encode()) is None


@pytest.mark.parametrize("sign", "%\\&<=+!?()#")
def test_short_text_with_a_sign_that_may_stand_for_others_is_looked_at(sign):
    assert holds_card(f"cvv{sign}737") == CODE or sign == "%"


@pytest.mark.parametrize("text", ["cvv%3D737", "cvv\\u003a737", "cvv&#61;737", "cvv<b>737", "cvv=3D=37=33=37"])
def test_short_text_with_an_escape_is_undone(text):
    assert holds_card(text) == CODE


@pytest.mark.parametrize("rounds", range(6))
def test_escapes_are_undone_four_times(rounds):
    sign = "%76"
    for _ in range(rounds):
        sign = sign.replace("%", "%25")
    assert holds_card(f"c{sign}v=737") == (CODE if rounds < 4 else None)


@pytest.mark.parametrize("way", ["%34", "&#52;", "\\u0034", "<i>4</i>"])
def test_each_kind_of_escape_is_undone_by_itself(way):
    assert holds_card(way + CANARY[1:]) == CARD
    assert holds_card(f"{way}01288888888188"[: len(way) + 8]) is None


def test_quoted_printable_is_undone_after_the_escapes():
    assert holds_card("".join(f"=3{digit}" for digit in CANARY)) == CARD
    assert holds_card("".join(f"%3D3{digit}" for digit in CANARY)) == CARD
    assert holds_card("a=" + "".join(f"=3{digit}" for digit in "12345678901")) is None


# What is encoded.


def encoded(text, layers):
    for _ in range(layers):
        text = base64.b64encode(text.encode()).decode()
    return text


@pytest.mark.parametrize("layers", range(6))
def test_encodings_are_undone_three_times(layers):
    assert holds_card(encoded(f"card {CANARY}", layers)) == (CARD if layers < 4 else None)
    assert holds_card(encoded(f"card {CANARY}", layers).encode()) == (CARD if layers < 4 else None)


def test_encoded_text_is_found_beside_and_behind_escapes():
    inside = encoded(f"card {CANARY}", 1)
    assert holds_card(f"{inside}%20") == CARD
    assert holds_card(f"a {inside} b") == CARD
    assert holds_card(inside.replace("=", "%3D")) == CARD
    escaped = "".join(f"%{ord(sign):02x}" for sign in inside)
    assert holds_card(escaped) == CARD
    assert holds_card(f"{inside.replace('M', '%4d')} a") == CARD


@pytest.mark.parametrize("label", ["cvv", "csc"])
def test_encoded_code_and_track_are_told_as_what_they_are(label):
    assert holds_card(encoded(f'{{"{label}": "737", "next": 1}}', 1)) == CODE
    assert holds_card(encoded(f";{CANARY}=30031010000?", 1)) == TRACK


def test_bytes_without_digits_that_are_no_text_are_left_alone():
    noise = bytes(range(128, 256))
    assert holds_card(base64.b64encode(noise + b"cvv: 737").decode()) is None
    assert holds_card(base64.b64encode(b"honest: cvv: 737").decode()) == CODE
    assert holds_card(base64.b64encode(noise + CANARY.encode() + noise).decode()) == CARD
    assert holds_card(base64.b64encode(noise + b"4222222222222" + noise).decode()) == CARD


def test_compressed_bytes_are_read_with_whatever_is_in_them():
    for pack in (gzip.compress,):
        assert holds_card(base64.b64encode(pack(b"cvv: 737")).decode()) == CODE
        assert holds_card(pack(bytes(range(128, 256)) + b"cvv: 737")) == CODE
    assert holds_card(gzip.compress(b"a" * forms.UNPACKED + b"b")) == TANGLED
    assert holds_card(gzip.compress(b"a" * forms.UNPACKED)) is None


def test_no_more_is_decoded_than_several_times_the_input():
    """Each word of 110 letters unpacks to 50,000 bytes; the limit is four times the input and 128 KiB."""
    word = base64.b64encode(gzip.compress(bytes(50_000), mtime=0)).decode()
    honest = [words for words in range(1, 6) if holds_card(" ".join([word] * words)) is None]
    assert honest == [1, 2]
    assert detect.TIMES == 4
    assert detect.MORE == 2 * 65_536


@pytest.mark.parametrize("size", [13, 14])
@pytest.mark.parametrize("write", [str, str.upper])
@pytest.mark.parametrize("around", ["{}", " {} ", "0x{}", "0X{}", "\n{}"])
def test_number_written_in_hexadecimal_is_found_by_itself(size, write, around):
    number = int(CANARY) if size == 13 else int("4" + "0" * 15) + 10**15
    text = write(f"{number:x}".rjust(size, "0"))
    if size == 14:
        text = write(f"{int(CANARY):014x}")
    assert holds_card(around.format(text)) == CARD


@pytest.mark.parametrize("around", ["a {}", "{} a", "0y{}", "x{}", "{}.", "{}g", "00{}"])
def test_number_in_hexadecimal_among_other_signs_is_honest(around):
    assert holds_card(around.format(f"{int(CANARY):x}")) is None


def test_number_in_hexadecimal_has_sixteen_decimal_digits_and_a_check_digit():
    assert holds_card(f"{int(CANARY) + 1:x}") is None
    assert holds_card(f"{int('6011000990139424'):x}") == CARD
    assert holds_card(f"{36227206271667:013x}") is None
    assert holds_card(f"{60115564485789458:x}") is None


# Numbers side by side.


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["40128888", "88881881"], True),
        ([" 40128888 ", "\uff18\uff18\uff18\uff18\uff11\uff18\uff18\uff11"], True),
        (["40128888", "a", "88881881"], True),
        (["40128888", "1.5", "88881881"], True),
        (["40128888", "", "88881881"], True),
        (["40128888", "7" * 41, "88881881"], True),
        (["40128888", "7" * 40, "88881881"], False),
        (["40128888", "777", "88881881"], False),
        (["40128888", " " * 32 + "88881881"], True),
        (["40128888", " " * 33 + "88881881"], False),
        (["40128888", "88881882"], False),
        ([], False),
    ],
)
def test_numbers_that_stand_side_by_side_are_read_as_one(values, found):
    assert numbers_hold_card(values) == (CARD if found else None)
    assert numbers_hold_card(iter(values)) == (CARD if found else None)
