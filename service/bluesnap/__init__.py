"""The way out, and everything BlueSnap-shaped. Its words, codes, headers and quirks never leave this folder."""
