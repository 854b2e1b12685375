"""Presidio's recognizer of card numbers, its pattern part, in an environment of its own. Started by file, with our folder on PYTHONPATH."""

from __future__ import annotations

from presidio_analyzer.predefined_recognizers import CreditCardRecognizer

from bench import child, corpus


def main() -> None:
    """Answer what is asked."""
    recognizer = CreditCardRecognizer()

    def holds_card(text: str) -> bool:
        return bool(recognizer.analyze(text, ["CREDIT_CARD"]))

    child.serve(*corpus.works(holds_card))


if __name__ == "__main__":
    main()
