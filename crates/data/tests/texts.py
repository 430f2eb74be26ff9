"""Texts of all kinds, and what Python's `str` and `re` make of them: writes texts.json beside this file."""

import json
import pathlib
import re

TEXTS = [
    "",
    "   \t\n ",
    "one",
    "Ends with a mark!",
    "good 👍🏽 film 👨‍👩‍👧 🇩🇪🇫🇷",
    "👍",
    "فيلم رائع، أحببته!",
    "סרט נהדר — 10/10",
    "mixed עברית and English عربي",
    "cafe\u0301 nai\u0308ve",
    "z\u0335\u0321a\u0334\u0327l\u0338g\u0328o\u0337 text",
    "नमस्ते दुनिया, फ़िल्म अच्छी है।",
    "映画はとても面白かった。最高！",
    "nul\x00inside \x00 alone",
    "\ufeffbyte order mark",
    "zero\u200bwidth joi\u200dner non\u200cjoiner",
    "no\u00a0break thin\u2009space line\u2028para\u2029next\u0085end unit\x1fsep",
    "İSTANBUL ΣΊΣΥΦΟΣ STRASSE straße ǅ ﬁre Ⅷ",
    "under_score __init__ a_b",
    "½ ² ٣ 3.14 1e-5 ①",
    "don't “quote” ‘single’ … – —",
    "\u202eright to left override\u202c",
    "\U0010ffff\ue000 private",
    "a" * 300,
    "tab\tnew\nline\rreturn\x0bvertical\x0cfeed",
]

CHAINS = {
    "whitespace": lambda text: text.split(),
    "lowercase whitespace": lambda text: text.lower().split(),
    "punctuation": lambda text: re.findall(r"\w+|[^\w\s]", text),
    "lowercase punctuation": lambda text: re.findall(r"\w+|[^\w\s]", text.lower()),
}

document = {
    "texts": TEXTS,
    "tokens": {name: [chain(text) for text in TEXTS] for name, chain in CHAINS.items()},
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(document, indent=1) + "\n")
