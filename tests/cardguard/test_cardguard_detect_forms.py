"""The disguises and what they hold, each undone by itself, at their borders."""

from __future__ import annotations

import base64
import bz2
import gzip
import zlib

import pytest

from service.cardguard import detect_forms as forms
from tests.cardguard.shapes import ANY_HEX, DIGITS, LETTERS

TEXT = "4012 8888 8888 1881"
PLAIN = TEXT.encode()


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
