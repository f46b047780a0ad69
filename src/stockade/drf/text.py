"""Fields of text that is what it looks like: no characters that turn, hide or imitate others."""

from __future__ import annotations

import unicodedata
from typing import Any

from rest_framework import serializers

# Cc: control; Cf: bidi controls (UAX 9), zero-width and tag characters; Cs, Co, Cn: nobody's. Zl, Zp end lines.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LINES = "\t\n\r"
_JOINERS = "\u200c\u200d"  # within words of Persian and Indic scripts, and in emoji (UAX 31, 2.3)


class PlainTextField(serializers.CharField):
    """Text in NFC, without characters that cannot be seen or that turn the order of others (CVE-2021-42574).

    Args:
        lines: whether there may be more than one line, and tabs.
    """

    default_error_messages = {
        "unseen": "The character U+{code} is not taken here: it is not seen, or changes what is.",
        "line": "Write one line.",
    }

    def __init__(self, *, lines: bool = False, **kwargs: Any) -> None:
        self.lines = lines
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The text, normalised (UAX 15).

        Raises:
            ValidationError: it has such a character.
        """
        text = unicodedata.normalize("NFC", str(super().to_internal_value(data)))
        for sign in text:
            if sign in _LINES:
                if not self.lines:
                    self.fail("line")
            elif unicodedata.category(sign) in _UNSEEN and sign not in _JOINERS:
                self.fail("unseen", code=f"{ord(sign):04X}")
        return text


class IdentifierField(PlainTextField):
    """A name that people tell others apart by: letters of one script, digits, and ``_ . - @ +`` between them.

    Letters that look like those of another script (U+0430 in a Latin name) are refused, because a name is of one
    script, its digits too unless they are ASCII; so are a second dot on an i, and forms that NFKC makes others of
    (fullwidth, ligatures, mathematical letters). It is compared as it is given out: in NFKC.
    """

    default_error_messages = {
        "letter": "The character U+{code} is not taken in a name. Use letters, digits and . _ - @ +.",
        "mixed": "The name mixes letters of {scripts}. Use one script.",
        "form": "The character U+{code} is a form of another one. Write that.",
    }

    def to_internal_value(self, data: Any) -> str:
        """The name.

        Raises:
            ValidationError: it has a character that no name has, or letters of several scripts.
        """
        text = super().to_internal_value(data)
        scripts = set()
        before = ""
        for sign in text:
            if unicodedata.normalize("NFKC", sign) != sign:
                self.fail("form", code=f"{ord(sign):04X}")
            category = unicodedata.category(sign)
            if category[0] == "L":
                scripts.add(script_of(sign))
            elif category[0] == "M" or category == "Nd":
                # Zeros of other scripts look like an "o". Marks that any script may have are called COMBINING.
                if not sign.isascii() and script_of(sign) != "COMBINING":
                    scripts.add(script_of(sign))
                if sign == _DOT and before in _DOTTED:  # it has one
                    self.fail("letter", code=f"{ord(sign):04X}")
            elif sign not in "._-@+":
                self.fail("letter", code=f"{ord(sign):04X}")
            before = sign
        if len(scripts - _TOGETHER) > 1 or (scripts & _TOGETHER and scripts - _TOGETHER):
            self.fail("mixed", scripts=" and ".join(sorted(scripts)))
        return text


_DOT = "\u0307"
# Letters whose dot a second one hides, and those that it makes look like them (UAX 44, Soft_Dotted).
_DOTTED = frozenset("ij\u0131\u0237\u012f\u0249\u0268\u0269\u029d\u1ecb\u0456\u0458")
# Japanese is written in three (UTS 39, section 5.1, "Japanese").
_TOGETHER = frozenset({"HIRAGANA", "KATAKANA", "CJK", "KATAKANA-HIRAGANA"})


def script_of(letter: str) -> str:
    """The script of a letter or digit, by the first word of its name: Python has names of characters and no scripts."""
    word = unicodedata.name(letter, "UNKNOWN").removeprefix("EXTENDED ").partition(" ")[0]
    return word.removesuffix("-INDIC")  # the digits of Arabic
