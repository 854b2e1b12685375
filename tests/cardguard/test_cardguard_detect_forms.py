"""The disguises and what they hold, each undone by itself; and the honest formats that are struck out, at their borders."""

from __future__ import annotations

import base64
import bz2
import gzip
import itertools
import zlib

import pytest

from service.cardguard import detect_forms as forms
from tests.cardguard.shapes import ANY_HEX, DIGITS, HEX, LETTERS, Shape

TEXT = "4012 8888 8888 1881"
PLAIN = TEXT.encode()


def struck(text):
    """Whether all of a text is an honest format."""
    return forms.without_honest(text) == "z"


# Signs of other scripts.


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("a1 -\t", "a1 -\t"),
        ("\uff14\u0664\u096a\U0001d7dc\u2463\u2074\u2084\u247b", "4444444(8)"),
        ("\u3007\u96f6\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d", "00123456789"),
        ("4\u200b\u200d\u2060\ufeff\u00ad\u202e\u2066\u061c2", "42"),
        ("4\u0301\u20e3\ufe0f\u0488\u09032", "42"),
        ("4\u115f\u1160\u3164\uffa02", "42"),
        ("4\u00a0\u2009\u3000\u20132", "4    2"),
        ("4\u2028\u20ac\u00b7\u30fb2", "4    2"),
        ("\u00e4\u674e\ufb01", "\u00e4\u674efi"),
        ("\uff21\uff1a\uff0f", "A:/"),
        ("\u00bd\u2460\u3251", "1 2121"),
    ],
)  # fmt: skip
def test_signs_of_other_scripts_become_plain_ones(text, folded):
    assert forms.fold(text) == folded


def test_folding_keeps_what_stands_between():
    assert forms.fold("a\uff14b\u200bc\uff12d") == "a4bc2d"
    assert forms.fold("") == ""


# Escapes.


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("%34%32", "42"),
        ("a%34b", "a4b"),
        ("%ef%bc%94", "\uff14"),
        ("%ff%34", "\ufffd4"),
        ("%4", "%4"),
        ("%3g", "%3g"),
        ("%2534", "%34"),
        ("%u0034%u0032", "42"),
        ("%u003", "%u003"),
        ("\\u0034\\u0032", "42"),
        ("\\ud835\\udfd2", "\U0001d7d2"),
        ("\\ud8354", "\ufffd4"),
        ("\\" * 8 + "u0034", "4"),
        ("\\" * 9 + "u0034", "\\4"),
        ("\\x34", "4"),
        ("\\" * 8 + "x34", "4"),
        ("u0034", "u0034"),
        ("x34", "x34"),
        ("u{34}", "u{34}"),
        ("\\" * 9 + "x34", "\\4"),
        ("4" + "\\" * 9 + "n2", "4\\ 2"),
        ("&#x;", "&#x;"),
        ("&#;", "&#;"),
        ("&#xG;&#xg4;", "&#xG;&#xg4;"),
        ("&#x9;&#9;", "\t\t"),
        ("&#x0000034;", "\x034;"),
        ("&#00000522", "42"),
        ("4&AZ;2&ZA;2&az;2&za;2", "4 2 2 2 2"),
        ("4<Z>2<z>2<A>2<a>2", "4 2 2 2 2"),
        ("4<a>7>2", "4 7>2"),
        ("\\u{34}", "4"),
        ("\\u{000034}", "4"),
        ("\\u{0000034}", "\x034}"),
        ("\\x3", "\\x3"),
        ("&#52;&#50;", "42"),
        ("&#52 &#50", "4 2"),
        ("&#0000052;", "4"),
        ("&#x34;&#X32", "42"),
        ("&#x000034;", "4"),
        ("&#x110000;", " "),
        ("&#x10FFFF;", "\U0010ffff"),
        ("&#1114111;", "\U0010ffff"),
        ("&#1114112;", " "),
        ("4&nbsp;2", "4 2"),
        ("4&lt;2", "4 2"),
        ("4&thinsp;2", "4 2"),
        ("4&abcdefghi;2", "4&abcdefghi;2"),
        ("4&abcdefgh;2", "4 2"),
        ("4&a;2", "4&a;2"),
        ("4&zwnj2", "4&zwnj2"),
        ('4\\n2\\r2\\t2\\b2\\f2\\/2\\"2', "4 2 2 2 2 2 2 2"),
        ("4" + "\\" * 8 + "n2", "4 2"),
        ("4\\a2", "4\\a2"),
        ("<b>4</b>2", " 4 2"),
        ('<a href="x">4</A>', " 4 "),
        ("4<![CDATA[2", "4 2"),
        ("4<2>", "4<2>"),
        ("4<>2", "4<>2"),
        (f"4<a{'b' * 60}>2", "4 2"),
        (f"4<a{'b' * 61}>2", f"4<a{'b' * 61}>2"),
        ("4<a<b>2", "4<a 2"),
        ("4</a\n>2", "4 2"),
    ],
)
def test_escapes_are_undone_once(text, plain):
    assert forms.unescape(text) == plain


@pytest.mark.parametrize("digit", ANY_HEX)
def test_escape_may_have_any_hexadecimal_digit(digit):
    assert forms.unescape(f"%4{digit}") == forms.unescape(f"\\x4{digit}") == chr(0x40 + int(digit, 16))
    assert forms.unescape(f"%{digit}0") == (chr(int(digit, 16) * 16) if digit in "01234567" else "\ufffd")
    for form in ("%u00{}", "\\u00{}", "\\u{{{}}}", "&#x{};", "\\x{}"):
        assert forms.unescape(form.format(f"4{digit}")) == chr(0x40 + int(digit, 16))
        assert forms.unescape(form.format(f"{digit}0")) == chr(int(digit, 16) * 16)
    assert forms.unescape(f"\\u{digit}00{digit}\\u0034").endswith("4")
    assert forms.unescape(f"%u{digit}000") == chr(int(digit, 16) * 4096)


@pytest.mark.parametrize("sign", "gG/:@`")
def test_escape_has_no_other_digit(sign):
    for form in ("%4{}", "%{}4", "%u003{}", "\\u003{}", "\\x3{}", "\\u{{3{}}}"):
        assert forms.unescape(form.format(sign)) == form.format(sign)
    assert not forms.unescape(f"&#{sign}4;").endswith("\x04")


@pytest.mark.parametrize("digit", DIGITS)
def test_entity_may_have_any_decimal_digit(digit):
    assert forms.unescape(f"&#1{digit}4;") == chr(104 + 10 * int(digit))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("=34=32=20", "42 "),
        ("=34=32", "=34=32"),
        ("=ef=BC=94", "\uff14"),
        ("=ff=34=32", "\ufffd42"),
        ("40=\n12", "4012"),
        ("40=\r\n12", "4012"),
        ("40=\r12", "40=\r12"),
        ("t=17", "t=17"),
        ("a=b=c=d", "a=b=c=d"),
        ("=3g=34=32", "=3g=34=32"),
        ("=3G=34=32=G1", "=3G=34=32=G1"),
        ("x=34=32=30=31y", "x4201y"),
    ],
)
def test_quoted_printable_is_undone_from_three_in_a_row_on(text, plain):
    assert forms.unquote(text) == plain


@pytest.mark.parametrize("digit", ANY_HEX)
def test_quoted_printable_may_have_any_hexadecimal_digit(digit):
    assert forms.unquote(f"=4{digit}=4{digit}=4{digit}") == chr(0x40 + int(digit, 16)) * 3
    assert forms.unquote(f"={digit}0={digit}0={digit}0") == (
        chr(int(digit, 16) * 16) * 3 if digit in "01234567" else "\ufffd" * 3
    )


# Encodings.


def held(text):
    return list(forms.decoded(text))


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("before", ["", "a", " ", "z", "0", "ff"])
def test_hexadecimal_is_read_from_either_digit(before, upper):
    word = PLAIN.hex().upper() if upper else PLAIN.hex()
    assert any(PLAIN in data for data in held(f"{before}{word}"))
    assert any(PLAIN in data for data in held(f"{before}{word}a z"))


@pytest.mark.parametrize("size", [12, 13])
def test_hexadecimal_has_thirteen_signs_at_least(size):
    assert (b"4" * size in held((b"4" * size).hex())) is (size == 13)


@pytest.mark.parametrize("digit", ANY_HEX)
def test_hexadecimal_may_have_any_of_its_digits(digit):
    assert bytes.fromhex(digit * 26) in held(digit * 26)
    assert bytes.fromhex(f"4{digit}" * 13) in held(f"4{digit}" * 13)


@pytest.mark.parametrize("sign", "gG")
def test_hexadecimal_ends_at_a_letter_that_is_none(sign):
    assert held("4" * 13 + sign) == []
    assert all(len(data) > 12 for data in held("34" * 12 + "3" + sign))


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("url", [False, True])
def test_base64_is_read_from_each_of_four_beginnings(before, url):
    data = PLAIN + b"\xfb\xff\xfe"
    word = (base64.urlsafe_b64encode if url else base64.b64encode)(data).decode().rstrip("=")
    assert any(data in found for found in held("A" * before + word))
    assert any(data in found for found in held(f"card {'A' * before}{word}."))


@pytest.mark.parametrize("rest", range(4))
def test_base64_is_read_whatever_its_length(rest):
    data = PLAIN + b"a" * rest
    for word in (base64.b64encode(data).decode(), base64.b64encode(data).decode().rstrip("=")):
        assert data in held(word)
        assert any(data in found for found in held(word.rstrip("=") + "A"))


def test_base64_has_eighteen_letters_at_least():
    word = base64.b64encode(b"4" * 13).decode().rstrip("=")
    assert len(word) == 18
    assert b"4" * 13 in held(word)
    assert held(word[:17]) == []
    assert held("") == []


@pytest.mark.parametrize("sign", LETTERS + DIGITS + "+/-_")
def test_base64_may_have_any_of_its_signs(sign):
    assert base64.b64decode("A" * 17 + sign.translate({45: 43, 95: 47}) + "==", validate=False)[:12] in [
        data[:12] for data in held("A" * 17 + sign)
    ]
    assert held("A" * 16 + sign) == []


@pytest.mark.parametrize("sign", "!. \t=\u00e4,")
def test_base64_ends_at_a_sign_of_no_alphabet(sign):
    assert held("A" * 17 + sign + "A" * 17) == []


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("size", [13, 14, 15, 16, 17, 20])
def test_base32_is_read_in_either_case(size, lower):
    data = b"4012888888881881-*~!"[:size]
    word = base64.b32encode(data).decode().rstrip("=")
    word = word.lower() if lower else word
    assert data in held(word)
    assert data in held(f"({word})")
    assert data in held(f"_{word}_")


@pytest.mark.parametrize("beside", ["1", "8", "9", "0", "a", "z"])
def test_base32_is_no_part_of_a_longer_word(beside):
    word = base64.b32encode(PLAIN[:15]).decode()
    assert PLAIN[:15] not in held(word + beside)
    assert PLAIN[:15] not in held(beside + word)


def test_base32_has_twenty_one_letters_at_least_and_all_of_its_own():
    word = base64.b32encode(b"4" * 13).decode().rstrip("=")
    assert len(word) == 21
    assert b"4" * 13 in held(word)
    assert not any(data.startswith(b"4" * 12) for data in held(word[:20]))
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567":
        for text in (letter * 24, letter * 23 + "B", "B" + letter * 23):
            assert base64.b32decode(text) in held(text)
            assert base64.b32decode(text) in held(text.lower())


@pytest.mark.parametrize("sign", "0189")
def test_base32_has_no_other_digits(sign):
    word = base64.b32encode(b"4" * 15).decode()
    for text in (word[:12] + sign + word[13:], sign + word[1:], word[:-1] + sign):
        assert not any(data.startswith(b"4444") for data in held(text) + held(text.lower()))


@pytest.mark.parametrize("beside", "ABMYZ")
def test_base32_of_one_case_is_no_part_of_a_word_of_both(beside):
    word = base64.b32encode(b"4" * 15).decode()
    for inner, outer in ((word, beside.lower()), (word.lower(), beside)):
        assert b"4" * 15 in held(inner)
        assert b"4" * 15 not in held(outer + inner) + held(inner + outer)


# Compression.


@pytest.mark.parametrize("level", range(10))
def test_zlib_of_every_level_is_unpacked(level):
    assert forms.unpack(zlib.compress(PLAIN, level)) == PLAIN


@pytest.mark.parametrize(
    "data",
    [b"", b"4", PLAIN, b"x\x9d" + PLAIN, bz2.compress(PLAIN), b"\x1f\x8c", b"PK\x03\x04", zlib.compress(PLAIN)[2:]],
)
def test_what_is_not_compressed_is_left_alone(data):
    assert forms.unpack(data) == b""


@pytest.mark.parametrize("head", [b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"])
def test_what_only_begins_like_compressed_data_is_left_alone(head):
    assert forms.unpack(head + b"4012 8888") == b""


@pytest.mark.parametrize("window", range(9, 16))
def test_zlib_of_every_window_is_unpacked(window):
    packer = zlib.compressobj(wbits=window)
    assert forms.unpack(packer.compress(PLAIN) + packer.flush()) == PLAIN


def test_gzip_is_unpacked_and_a_broken_end_hides_nothing():
    assert forms.unpack(gzip.compress(PLAIN)) == PLAIN
    assert forms.unpack(gzip.compress(PLAIN)[:-6]) == PLAIN


@pytest.mark.parametrize("first", [b"honest", b""])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_what_stands_behind_compressed_data_is_read_too(pack, first):
    assert forms.unpack(pack(first) + pack(PLAIN)) == first + PLAIN
    assert forms.unpack(pack(first) + pack(PLAIN) + b"more") == first + PLAIN + b"more"
    assert forms.unpack(pack(b"honest") + PLAIN) == b"honest" + PLAIN
    assert forms.unpack(pack(b"honest") + b"\x1f\x8b" + PLAIN) == b"honest\x1f\x8b" + PLAIN


def test_many_pieces_of_compressed_data_are_said_to_be_too_much():
    assert forms.unpack(zlib.compress(b"a") * 100 + b"b") == b"a" * 100 + b"b"
    assert forms.unpack(zlib.compress(b"a") * 101) is None


def test_what_holds_more_than_the_limit_is_said_to():
    assert forms.UNPACKED == 65_536
    assert forms.unpack(gzip.compress(b"a" * forms.UNPACKED)) == b"a" * forms.UNPACKED
    assert forms.unpack(gzip.compress(b"a" * (forms.UNPACKED + 1))) is None
    assert forms.unpack(gzip.compress(b"a" * 40_000) + gzip.compress(b"a" * 25_536)) == b"a" * forms.UNPACKED
    assert forms.unpack(gzip.compress(b"a" * 40_000) + gzip.compress(b"a" * 25_537)) is None
    assert forms.unpack(gzip.compress(b"a" * forms.UNPACKED) + gzip.compress(b"a")) is None


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "ascii"])
def test_bytes_are_text_of_the_usual_codings(codec):
    assert forms.as_text(TEXT.encode(codec)) == TEXT


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"\xff\xfe4\x002\x00", "42"),
        (b"\xfe\xff\x004\x002", "42"),
        (b"\xff\xfe\x14\xff", "\uff14"),
        (b"\xff\xfe4\x002", "4\ufffd"),
        (b"\xff42", "\ufffd42"),
        (b"4\xc3", "4\ufffd"),
        ("\uff14".encode(), "\uff14"),
    ],
)
def test_bytes_that_are_no_text_hide_nothing(data, text):
    assert forms.as_text(data) == text


# Honest formats.

LETTER = "abcdefABCDEF"
HONEST = {
    **{
        f"hash of {size}": [
            Shape(("a", 1), (ANY_HEX, size - 1), beside=LETTER),
            Shape((DIGITS, size - 1), (LETTER, 1), beside=LETTER),
        ]
        for size in (24, 32, 40, 64)
    },
    "UUID": [
        Shape(("a", 1), (ANY_HEX, 7), "-", (ANY_HEX, 4), "-", ("12345678", 1), (ANY_HEX, 3), "-", ("89abAB", 1), (ANY_HEX, 3), "-", (ANY_HEX, 12), beside=LETTER),
        Shape((DIGITS, 8), "-", (DIGITS, 4), "-", "1", (DIGITS, 3), "-", "8", (DIGITS, 3), "-", (DIGITS, 11), (LETTER, 1), beside=LETTER + DIGITS),
    ],
    "trace": [
        Shape((HEX, 2), "-", ("a", 1), (HEX, 31), "-", (HEX, 16), "-", (HEX, 2), beside="abcdef"),
        Shape((HEX, 2), "-", (DIGITS, 31), ("abcdef", 1), "-", (HEX, 16), "-", (HEX, 2), beside="abcdef"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_honest_format_is_struck_out_sign_by_sign(name):
    assert [value for shape in HONEST[name] for value in shape.good() if not struck(value)] == []
    assert [value for shape in HONEST[name] for value in shape.bad() if struck(value)] == []


@pytest.mark.parametrize("name", HONEST)
def test_honest_format_is_struck_out_only_as_a_word(name):
    value = next(HONEST[name][0].good())
    assert forms.without_honest(f"({value}, {value})") == "(z, z)"
    assert forms.without_honest(f"_{value}-") == "_z-"
    for beside in "0aZz9A":
        assert not forms.without_honest(f"{beside}{value}").endswith("z")
        assert not forms.without_honest(f"{value}{beside}").startswith("z")


@pytest.mark.parametrize("size", [24, 32, 40, 64])
def test_hash_without_a_letter_is_digits(size):
    assert forms.without_honest("1" * size) == "1" * size
    assert struck("1" * (size - 1) + "a")
    assert struck("a" + "1" * (size - 1))


@pytest.mark.parametrize("size", [13, 16, 23, 25, 31, 33, 39, 41, 63, 65])
def test_hexadecimal_of_another_length_is_no_hash(size):
    assert not struck("a" + "1" * (size - 1))


def test_uuid_and_trace_without_a_letter_are_digits():
    assert not struck("11111111-1111-1111-8111-111111111111")
    assert not struck("a1111111-1111-a111-8111-111111111111")
    assert not struck("a1111111-1111-1111-c111-111111111111")
    assert struck("11111111-1111-1111-8111-11111111111a")
    assert not struck(f"00-{'1' * 32}-{'1' * 16}-01")
    assert not struck(f"0a-{'1' * 32}-{'a' * 16}-01")
    assert struck(f"00-{'1' * 31}a-{'1' * 16}-01")


def taken(form, size):
    return [one for one in map("".join, itertools.product(DIGITS, repeat=size)) if struck(form.format(one))]


def between(low, high, size=2):
    return [f"{one:0{size}}" for one in range(low, high + 1)]


@pytest.mark.parametrize(
    ("form", "size", "fitting"),
    [
        ("{}-03-10T17:00:00", 4, between(1900, 2099, 4)),
        ("2031-{}-10T17:00:00", 2, between(1, 12)),
        ("2031-03-{}T17:00:00", 2, between(1, 31)),
        ("2031-03-10T{}:00:00", 2, between(0, 23)),
        ("2031-03-10T17:{}:00", 2, between(0, 59)),
        ("2031-03-10T17:00:{}", 2, between(0, 69)),
        ("{}/10/2031 17:00:00", 2, between(1, 12)),
        ("03/{}/2031 17:00:00", 2, between(1, 31)),
        ("03/10/{} 17:00:00", 4, between(2000, 2099, 4)),
        ("2031-03-10T17:00:00+{}:00", 2, between(0, 29)),
        ("2031-03-10T17:00:00-02:{}", 2, between(0, 59)),
        *[(f"2031-03-10T17:00:00.{'1' * size}{{}}", 1, list(DIGITS) if size < 9 else []) for size in range(11)],
        ("{}.255.255.255", 1, list(DIGITS)),
        ("{}.255.255.255", 2, between(10, 99)),
        ("{}.255.255.255", 3, between(100, 255)),
        ("255.255.255.{}", 1, list(DIGITS)),
        ("255.255.255.{}", 2, between(10, 99)),
        ("255.255.255.{}", 3, between(100, 255)),
    ],
)
def test_time_and_address_have_numbers_that_can_be(form, size, fitting):
    assert taken(form, size) == fitting


@pytest.mark.parametrize(
    "text", ["2031-03-10t17:00:00", "2031-03-10 17:00:00", "2031-03-10T17:00:00Z"[:-1], "03/10/2031T17:00:00.5+01:30"]
)
def test_time_is_struck_out_as_it_is_written(text):
    assert struck(text)
    assert forms.without_honest(f"at {text}Z, {text}.") == "at zZ, z."


@pytest.mark.parametrize("digit", DIGITS)
def test_time_and_address_are_no_part_of_a_longer_number(digit):
    for text in ("2031-03-10T17:00:00", "03/10/2031 17:00:00", "255.0.2.255"):
        for longer in (f"{digit}{text}", f"{text}{digit}"):
            assert forms.without_honest(longer) == longer
    for longer in (f"{digit}.255.0.2.255", f"255.0.2.255.{digit}"):
        assert forms.without_honest(longer) == longer


@pytest.mark.parametrize(
    "text", ["2031-03-10_17:00:00", "2031-03-10  17:00:00", "2031.03.10T17:00:00", "2031-03-10T17.00.00", "2031-03-10"]
)
def test_other_times_are_left_as_they_are(text):
    assert forms.without_honest(text) == text


def test_address_of_four_numbers_stands_by_itself():
    assert forms.without_honest("at 192.0.2.1, 198.51.100.7:80") == "at z, z:80"
    for text in ("1.192.0.2.1", "192.0.2.1.1", "192.0.2", "192.0.2.1111", "192.0.2.1.", "192,0,2,1"):
        assert forms.without_honest(text) == (text if text != "192.0.2.1." else "z.")
    assert forms.without_honest("a192.0.2.1b") == "azb"


@pytest.mark.parametrize(
    "text",
    [
        "2001:db8::1",
        "2001:0DB8:85a3:0000:0000:8a2e:0370:7334",
        "3fff::",
        "fe80::1234:5678:9012:3456",
        "FE80::1",
        "::1",
        "::",
        "::1234:5678",
    ],
)
def test_address_of_eight_numbers_is_struck_out_if_it_is_one(text):
    assert struck(text)
    assert forms.without_honest(f"[{text}]:80 {text}, {text}/64") == "[z]:80 z, z/64"


@pytest.mark.parametrize(
    "text",
    [
        "4012:8888:8888:1881",
        "4012:8888::1881",
        "2001:db8",
        "2001:db8:1",
        "2001:db8::1::2",
        "2001:db8::12345",
        "1::2",
        "5200:8282:8282:8210:1:2:3:4",
        "12:34:56",
    ],
)
def test_what_is_no_address_in_use_is_left_as_it_is(text):
    assert forms.without_honest(text) == text


@pytest.mark.parametrize("sign", ANY_HEX + ":.")
def test_address_of_eight_numbers_is_no_part_of_a_longer_one(sign):
    longer = [f"{sign}2001:db8::1", f"2001:db8::1234{sign}"] if sign != "." else [".2001:db8::1"]
    assert list(map(forms.without_honest, longer)) == longer


@pytest.mark.parametrize("sign", ANY_HEX)
def test_address_of_eight_numbers_may_have_any_digit(sign):
    for text in (f"2{sign}01:db8::1", f"2001:db8::{sign}", f"2001:{sign * 4}::1", f"2001:db8::1{sign}"):
        assert struck(text)


def test_address_of_eight_numbers_stands_by_itself():
    for text in (
        "2001:db8::1:2:3:4:5:6:7",
        "a:2001:db8:1:2:3:4:5:6",
        "2001:db8:1:2:3:4:5:6:7",
        "2001:db8:1:2:3:4:5:6:",
    ):
        assert forms.without_honest(text) == text
    for letter in "Gg_":
        assert forms.without_honest(f"{letter}::1{letter}") == f"{letter}z{letter}"
    assert forms.without_honest("z2001:db8::1z") == "zzz"


ACCOUNTS = [
    "DE89370400440532013000",
    "GB82 WEST 1234 5698 7654 32",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
    "FR14 2004 1010 0505 0001 3M02 606",
    "LC55HEMM000100010012001200023015",
]


@pytest.mark.parametrize("text", ACCOUNTS)
def test_bank_account_is_struck_out_with_its_check_digits(text):
    assert struck(text)
    assert forms.without_honest(f"to {text}, {text}") == "to z, z"
    wrong = text[:3] + str((int(text[3]) + 1) % 10) + text[4:]
    assert forms.without_honest(wrong) == wrong
    assert forms.without_honest(text.lower()) == text.lower()
    for beside in "abz059ABZ":
        assert forms.without_honest(beside + text) == beside + text
    for beside in "abz":
        assert forms.without_honest(text + beside) == text + beside


def checked(country, rest):
    """A bank account with its check digits, whatever its country says of its length."""
    digits = "".join(str(int(sign, 36)) for sign in rest + country + "00")
    return f"{country}{98 - int(digits) % 97:02}{rest}"


@pytest.mark.parametrize("length", range(12, 38))
def test_bank_account_has_fifteen_to_thirty_four_signs(length):
    assert struck(checked("DE", "1" * (length - 4))) is (15 <= length <= 34)


@pytest.mark.parametrize("country", ["AA", "AZ", "ZA", "ZZ"])
@pytest.mark.parametrize("sign", "09AZ")
def test_bank_account_may_be_of_any_country_and_sign(country, sign):
    assert struck(checked(country, sign * 18))
    assert struck(checked(country, sign * 17 + "0"))


def test_bank_account_ends_before_the_blank_that_follows_it():
    assert forms.without_honest(f"{checked('AT', '1' * 16)} and {checked('DE', '1' * 18)} too") == "z and z too"


def test_bank_account_has_groups_of_four_with_one_blank():
    assert struck("DE89 3704 0044 0532 0130 00")
    for text in ("DE89  3704 0044 0532 0130 00", "DE89-3704-0044-0532-0130-00", "DE89 370 40044 0532 0130 00"):
        assert not struck(text)
