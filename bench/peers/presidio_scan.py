"""Presidio's recognizer of card numbers, its pattern part, in an environment of its own. Started by file, with our folder on PYTHONPATH."""

from __future__ import annotations

from presidio_analyzer.predefined_recognizers import CreditCardRecognizer

from bench import child, corpus


def main() -> None:
    """Answer what is asked."""
    recognizer = CreditCardRecognizer()

    def holds_card(text: str) -> bool:
        return bool(recognizer.analyze(text, ["CREDIT_CARD"]))

    notice, checkout = corpus.notice(), corpus.checkout()
    works: child.Works = {
        "notice": lambda: holds_card(notice),
        "checkout": lambda: holds_card(checkout),
        "log line": child.texts(corpus.log_lines(), holds_card),
    }
    child.serve(works, {"flagged": lambda: float(sum(map(holds_card, corpus.lookalikes())))})


if __name__ == "__main__":
    main()
