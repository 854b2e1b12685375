"""The one formatter: whatever is thrown at it, by ourselves or by a library, the whole output is known and holds no digit of a card."""

from __future__ import annotations

import io
import json
import logging
import re

import pytest
import structlog

from service.store.ids import new_id
from service.telemetry import logs
from tests.support.cards import AMEX, VISA, spellings, traces
from tests.support.logs import write_logs_to
from tests.support.metrics import reading

WITHHELD_TOTAL = "panless_log_records_withheld_total"
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")


@pytest.fixture
def lines(logged):
    """The lines so far as objects, without their times and process ids, whose forms are checked."""

    def read():
        found = []
        for line in logged().splitlines():
            record = json.loads(line)
            assert TIME.fullmatch(record.pop("time"))
            assert isinstance(record.pop("pid", 0), int)
            found.append(record)
        return found

    return read


def ours():
    return structlog.get_logger()


class Card:
    """An object that shows a number in every way that it can be looked at."""

    def __init__(self, number=VISA):
        self.number = number

    def __str__(self):
        return self.number

    def __repr__(self):
        return f"Card({self.number})"

    def __format__(self, spec):
        return self.number


class Broken:
    """An object that breaks whoever looks at it, and says the number while it does."""

    def __str__(self):
        raise ValueError(VISA)

    __repr__ = __hash__ = __str__


def fail_with(text, cause=None):
    raise RuntimeError(text) from cause


def test_record_of_ours_is_written_with_its_listed_fields(lines):
    session = new_id("cs")
    ours().info("signup.moved", session=session, state="active", status=201)
    assert lines() == [{"level": "info", "event": "signup.moved", "session": session, "state": "active", "status": 201}]


def test_request_id_of_the_context_is_written(lines):
    request_id = new_id("req")
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        ours().info("signup.moved")
    assert lines() == [{"level": "info", "event": "signup.moved", "request_id": request_id}]


POISONED = {
    "number as a field": lambda number: ours().info("it.happened", card=number),
    "number in a listed field": lambda number: ours().info("it.happened", account=number),
    "number as a field's name": lambda number: ours().info("it.happened", **{number: "x"}),
    "number in the context": lambda number: (
        structlog.contextvars.bind_contextvars(card=number) and ours().info("it.happened")
    ),
    "number in nested data": lambda number: ours().info("it.happened", reason={"a": [number]}),
    "object with a number": lambda number: ours().info("it.happened", reason=Card(number)),
    "time and level": lambda number: ours().info("it.happened", time=number, level=number),
}
EXPECTED = {
    "number in a listed field": {"account": "~"},
    "number in nested data": {"reason": "~"},
    "object with a number": {"reason": "~"},
}


@pytest.mark.parametrize("name", POISONED)
def test_poisoned_record_of_ours_says_nothing_of_it(lines, logged, name):
    numbers = [*spellings(VISA).values(), *spellings(AMEX).values()]
    for number in numbers:
        POISONED[name](number)
        structlog.contextvars.clear_contextvars()
    expected = {"level": "info", "event": "it.happened", **EXPECTED.get(name, {})}
    assert lines() == [expected] * len(numbers)
    assert traces(logged(), VISA) == traces(logged(), AMEX) == []


@pytest.mark.parametrize("spelled", spellings(VISA).values(), ids=spellings(VISA))
def test_event_with_a_number_is_not_printed(lines, spelled):
    ours().info(f"paid with {spelled}")
    ours().info("paid with %s", spelled)
    ours().warning(spelled)
    assert [line["event"] for line in lines()] == ["unprintable"] * 3
    assert all(set(line) == {"event", "level"} for line in lines())


def test_exception_of_ours_is_told_by_its_class_and_place(lines, logged):
    try:
        fail_with(f"card {VISA}", KeyError(AMEX))
    except RuntimeError:
        ours().exception("request.failed")
    ours().error("request.failed", exc_info=KeyError(VISA))
    expected = {"level": "error", "event": "request.failed", "frames": []}
    assert lines() == [expected | {"error": "RuntimeError"}, expected | {"error": "KeyError"}]
    assert traces(logged(), VISA) == traces(logged(), AMEX) == []


def test_frames_are_places_in_our_own_code_alone(lines):
    from service.config.parsers import integer

    try:
        integer(1, 9)(VISA)
    except ValueError:
        ours().exception("request.failed")
    (line,) = lines()
    assert [re.sub(r":\d+$", "", frame) for frame in line["frames"]] == ["service/config/parsers.py"]


def library_exception(logger):
    try:
        fail_with(f"row ({VISA}) violates")
    except RuntimeError:
        logger.exception("Job failed with %s", VISA)


LIBRARY = {
    "text": lambda logger: logger.error("card " + VISA),  # noqa: G003 - as careless libraries do
    "arguments": lambda logger: logger.error("card %s of %s", VISA, Card()),
    "named arguments": lambda logger: logger.error("card %(card)s", {"card": VISA}),
    "wrong number of arguments": lambda logger: logger.error("card", VISA, VISA),  # noqa: PLE1205
    "extra fields": lambda logger: logger.error("card", extra={"card": VISA, "event": VISA, "error": VISA}),
    "an object as the message": lambda logger: logger.error(Card()),
    "a broken object as the message": lambda logger: logger.error(Broken()),
    "a broken object as an argument": lambda logger: logger.error("card %s", Broken()),
    "a list as the message": lambda logger: logger.error([VISA]),
    "a dict as the message": lambda logger: logger.error(
        {"event": "it.happened", "time": VISA, "level": VISA, "reason": VISA}
    ),
    "bytes as the message": lambda logger: logger.error(VISA.encode()),
    "nothing": lambda logger: logger.error(None),
    "a stack": lambda logger: logger.error("card %s", VISA, stack_info=True),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_record_of_a_library_is_told_by_its_name_alone(lines, logged, name):
    LIBRARY[name](logging.getLogger("some.library"))
    assert lines() == [{"level": "error", "event": "library.record", "library": "some.library"}]
    assert traces(logged(), VISA) == []


def test_exception_of_a_library_is_told_by_its_class(lines, logged):
    library_exception(logging.getLogger("some.library"))
    expected = {
        "level": "error",
        "event": "library.record",
        "library": "some.library",
        "error": "RuntimeError",
        "frames": [],
    }
    assert lines() == [expected]
    assert traces(logged(), VISA) == []


def test_name_of_a_logger_with_a_number_is_withheld(lines):
    logging.getLogger(f"shop.{VISA}").error("x")
    assert lines() == [{"level": "error", "event": "library.record", "library": "~"}]


@pytest.mark.parametrize("template", logs.KNOWN)
def test_known_words_of_gunicorn_are_told_without_their_arguments(lines, template):
    logging.getLogger("gunicorn.error").info(template, *[VISA] * template.count("%s"))
    assert lines() == [{"level": "info", "event": logs.KNOWN[template], "library": "gunicorn.error"}]


def test_record_that_breaks_the_formatter_is_withheld_and_counted(logged):
    before = reading(WITHHELD_TOTAL)
    logging.getLogger().handle(logging.makeLogRecord({"msg": logs.Own(time={VISA}), "levelno": 40}))
    assert logged() == logs.FIXED + "\n"
    assert reading(WITHHELD_TOTAL) == before + 1


class HostileMeta(type):
    """A class whose very name breaks whoever asks for it."""

    @property
    def __name__(cls):
        raise ValueError(VISA)


class HostileError(Exception, metaclass=HostileMeta):
    pass


HostileError.__qualname__ = VISA


class NumberedError(Exception):
    """Says the number in all that an exception can say."""

    def __init__(self):
        super().__init__(VISA, {"card": VISA})
        self.add_note(VISA)
        self.card = VISA
        self.__cause__ = self.__context__ = None

    def __str__(self):
        raise RuntimeError(VISA)

    __repr__ = __str__


NumberedError.__name__ = f"Card{VISA}Error"


def circle():
    made = {"card": VISA}
    made["self"] = made
    return made


HOSTILE = {
    "an object whose text raises": {"reason": Broken()},
    "a circle": {"reason": circle()},
    "a very long text": {"reason": VISA * 1_000_000},
    "a very long list": {"frames": [f"service/{VISA}.py:1"] * 100_000},
    "half a character": {"account": f"\ud800{VISA}"},
    "no number": {"ms": float("nan"), "count": float("inf")},
    "bytes": {"code": VISA.encode()},
    "another class of text": {
        "state": type("Text", (str,), {"__eq__": lambda *_: True, "__hash__": str.__hash__})(VISA)
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_value_of_a_listed_field_is_withheld(lines, logged, name):
    ours().info("it.happened", **HOSTILE[name])
    assert lines() == [{"level": "info", "event": "it.happened", **dict.fromkeys(HOSTILE[name], "~")}]
    assert traces(logged(), VISA) == []


@pytest.mark.parametrize(
    "error",
    [HostileError(), (None,), ()],
    ids=["a class whose name raises", "half of what Python tells of an exception", "nothing of it"],
)
def test_hostile_exception_is_withheld_and_counted_and_breaks_nothing(logged, error):
    before = reading(WITHHELD_TOTAL)
    ours().error("request.failed", exc_info=error)
    assert logged() == logs.FIXED + "\n"
    assert reading(WITHHELD_TOTAL) == before + 1


@pytest.mark.parametrize("say", [ours, lambda: logging.getLogger("some.library")], ids=["ours", "a library"])
def test_exception_that_is_named_after_a_number_says_nothing(lines, logged, say):
    say().error("request.failed", exc_info=NumberedError())
    (line,) = lines()
    assert (line["error"], line["frames"]) == ("~", [])
    assert traces(logged(), VISA) == []


@pytest.mark.parametrize("error", [7, "text", VISA, object(), [], False])
def test_exception_that_is_none_is_left_out(lines, error):
    ours().error("request.failed", exc_info=error)
    assert lines() == [{"level": "error", "event": "request.failed"}]


@pytest.mark.parametrize("name", [f"\ud800{VISA}", VISA, "x" * 1_000_000, " "])
def test_hostile_name_of_a_field_is_dropped(lines, name):
    ours().info("it.happened", **{name: 1})
    assert lines() == [{"level": "info", "event": "it.happened"}]


def test_value_that_breaks_its_check_is_withheld_and_counted(logged):
    class Text(str):
        __slots__ = ()

        def __len__(self):
            raise ValueError(VISA)

        __iter__ = __len__

    before = reading(WITHHELD_TOTAL)
    ours().info("it.happened", account=Text("acct-1"))
    assert logged() == logs.FIXED + "\n"
    assert reading(WITHHELD_TOTAL) == before + 1


@pytest.mark.parametrize(
    ("logger", "level"), [("urllib3.connectionpool", "error"), ("alembic", "info"), ("procrastinate", "info")]
)
def test_talkative_libraries_are_silent_below_their_level(logged, logger, level):
    getattr(logging.getLogger(logger), level)("header %s", VISA)
    assert logged() == ""


def test_set_up_twice_writes_every_record_once(logged):
    stream = io.StringIO()
    write_logs_to(stream)
    write_logs_to(stream)
    ours().info("it.happened")
    assert len(stream.getvalue().splitlines()) == 1
    assert logged() == ""


class FullDisk(io.StringIO):
    """Takes nothing while it is full."""

    full = True

    def write(self, text):
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_records_that_the_disk_does_not_take_are_lost_and_counted(logged):
    disk = FullDisk()
    before = reading("panless_log_records_lost_total")
    write_logs_to(disk)
    ours().info("signup.moved")
    logging.getLogger("library").error("whatever")
    disk.full = False
    ours().info("signup.ended")
    assert reading("panless_log_records_lost_total") == before + 2
    assert [json.loads(line)["event"] for line in disk.getvalue().splitlines()] == ["signup.ended"]
