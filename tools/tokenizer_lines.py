# SPDX-License-Identifier: Apache-2.0
"""Lines of text that are hard for tokenizers, drawn from a seed.

    lines(seed, n, specials)   n strings: forty-five scripts, emoji, code, white space, control
                               characters, digits, normalization forms, texts of special tokens

The same seed gives the same lines. `specials` are texts of a vocabulary's added tokens, which some
lines contain whole, cut or touched by other text.
"""

import random
import unicodedata

# name: ranges of code points that words of the script are drawn from
SCRIPTS = {
    "latin": "61-7a", "latin caps": "41-5a", "latin-1": "c0-ff", "extended": "100-24f", "ipa": "250-2af",
    "vietnamese": "1ea0-1ef9", "greek": "391-3c9", "polytonic": "1f00-1ffc", "cyrillic": "400-45f",
    "cyrillic more": "460-52f", "armenian": "531-556 561-587", "hebrew": "5d0-5ea 5b0-5bc",
    "arabic": "621-652", "arabic more": "671-6d3", "syriac": "710-74a", "thaana": "780-7b1",
    "nko": "7ca-7f5", "devanagari": "901-94d", "bengali": "981-9cd", "gurmukhi": "a05-a4d",
    "gujarati": "a81-acd", "oriya": "b01-b4d", "tamil": "b82-bcd", "telugu": "c01-c4d",
    "kannada": "c82-ccd", "malayalam": "d02-d4d", "sinhala": "d82-ddf", "thai": "e01-e4e",
    "lao": "e81-ecd", "tibetan": "f00-f6c f71-f84", "myanmar": "1000-104f", "georgian": "10a0-10ff",
    "hangul": "ac00-d7a3", "jamo": "1100-11ff", "ethiopic": "1200-135a", "cherokee": "13a0-13f5",
    "canadian": "1401-166c", "khmer": "1780-17dd", "mongolian": "1800-1842", "hiragana": "3041-3096",
    "katakana": "30a1-30ff", "bopomofo": "3105-312d", "han": "4e00-9fa5", "han ext": "3400-4db5 20000-2a6d6",
    "fullwidth": "ff01-ff9d", "gothic": "10330-1034a", "deseret": "10400-1044f", "math": "1d400-1d6a3",
    "roman": "2160-2188", "letterlike": "2100-214f", "superscripts": "2070-209c", "digits": "660-669 966-96f 1d7ce-1d7ff",
    "symbols": "2190-23ff 25a0-27bf", "punctuation": "2010-205e 3001-3030", "currency": "20a0-20bf",
    "private": "e000-e0ff", "compat": "fb00-fb4f fdf0-fdfc",
}

SENTENCES = """
The quick brown fox jumps over the lazy dog, doesn't it? I'VE seen "it" — and so'd you; they'll say we're wrong.
Alle Menschen sind frei und gleich an Würde und Rechten geboren. Größe, Übermut, Straße.
Tous les êtres humains naissent libres et égaux en dignité et en droits. L’été, c'est où ?
Todos los seres humanos nacen libres e iguales. ¿Cómo estás? ¡Qué mañana!
Tutti gli esseri umani nascono liberi. Perché no? È così.
Wszyscy ludzie rodzą się wolni i równi. Zażółć gęślą jaźń.
Všichni lidé rodí se svobodní. Příliš žluťoučký kůň úpěl ďábelské ódy.
Tất cả mọi người sinh ra đều được tự do và bình đẳng. Cửa Việt.
İnsanlar özgür doğar. Işık, ılık, çağdaş. IĞDIR
Ninahitaji chakula. Binadamu wote wamezaliwa huru.
Όλοι οι άνθρωποι γεννιούνται ελεύθεροι. Τι κάνεις;
Все люди рождаются свободными и равными. Съешь же ещё этих мягких французских булок.
Всички хора се раждат свободни. нещо на Български
כל בני האדם נולדו בני חורין. שָׁלוֹם עֲלֵיכֶם
يولد جميع الناس أحراراً متساوين. السَّلامُ عَلَيْكُم ٣٤٥
تمام انسان‌ها آزاد به دنیا می‌آیند. می‌خواهم
تمام انسان آزاد پیدا ہوئے ہیں۔
सभी मनुष्य जन्म से स्वतंत्र हैं। क्षत्रिय १२३
সমস্ত মানুষ স্বাধীনভাবে জন্মগ্রহণ করে। ১২৩৪
மனிதர்கள் அனைவரும் சுதந்திரமாகவே பிறக்கின்றனர்.
అందరు మనుషులు స్వేచ్ఛగా పుట్టారు.
ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿ ಹುಟ್ಟಿದ್ದಾರೆ.
മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടെ ജനിച്ചവരാണ്.
සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත.
มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน
ມະນຸດທຸກຄົນເກີດມາມີສິດເສລີພາບ
កាន់តែពិសេសអាចខលចេញ មនុស្សទាំងអស់កើតមកមានសេរីភាព
လူတိုင်းသည် တူညီလွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့်
འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་
ყველა ადამიანი იბადება თავისუფალი.
Բոլոր մարդիկ ծնվում են ազատ։
ሰው ሁሉ ነጻ ሆኖ ይወለዳል።
人人生而自由，在尊严和权利上一律平等。我想在apple工作1314151天～
人人生而自由，在尊嚴和權利上一律平等。「你好」
すべての人間は、生まれながらにして自由であり、かつ平等である。カタカナ・ﾊﾝｶｸ
모든 인간은 태어날 때부터 자유로우며 평등하다. ㅋㅋㅋ ㅠㅠ
ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ
Хүн бүр төрж мэндлэхдээ эрх чөлөөтэй. ᠬᠦᠮᠦᠨ
ꯃꯤ ꯈꯨꯗꯤꯡꯃꯛ ⴰⵎⴷⴰⵏⴻⵏ ߡߐ߱ ߓߍ߯
""".strip().split("\n")

CODE = r"""
for (int i = 0; i < n; ++i) { a[i] += b[i]*2; } // done
    if x is not None and len(x) >= 10:  # four
		return {"key": [1, 2.5e-3, null], 'k\n': "\u00e9\\"}
#include <stdio.h>\nint main(void){printf("%d\n",1);}
SELECT * FROM t WHERE a<>'b' AND c LIKE '%x_y%' LIMIT 10;
fn main() -> Result<(), Box<dyn Error>> { let x: &'a str = "é"; Ok(()) }
<div class="a b"><p>text</p><br/></div><!-- c --><h1>T</h1><s>x</s><u>y</u>
const f = async ({a, ...b}) => `${a ?? 'x'}\t${b?.c}`;
def __init__(self, *args, **kwargs): super().__init__(*args, **kwargs)
$ grep -rnE '^[A-Za-z_]+\s*=' src/ | sort -u > /tmp/x.txt 2>&1
\begin{equation} \frac{a}{b} \leq \sum_{i=1}^{n} x_i^2 \end{equation}
https://example.com/a/b?c=d&e=%20f#g user.name+tag@mail.example.org
CamelCaseString snake_case_string kebab-case-string SCREAMING_SNAKE HTTPServer2Go
--- a/file.c\n+++ b/file.c\n@@ -1,3 +1,4 @@\n-old\n+new
0x7fff_ffff 1_000_000 3.14159 1e10 0b1010 ½ ² ³ ① Ⅷ 10^-5 50% $9.99 №5 #1
""".strip().split("\n")

EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷", "❤️", "☕", "1️⃣", "😶‍🌫️", "🧑🏿‍🚀", "🦙", "🫠", "✅", "\u200d", "\ufe0f"]
SPACES = [" ", "  ", "   ", "\t", "\t\t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", "\v", "\f", "\x85", "\xa0", "\u1680",
          "\u2003", "\u2028", "\u202f", "\u3000", "\u200b", "\u180e", "\ufeff", " " * 17, "\n" * 9, "\t" * 5, "    \n"]
CONTROLS = [chr(i) for i in range(32)] + ["\x7f", "\x80", "\x9f", "\xad", "\u200e", "\u202e", "\ufffd", "\uffff", "\U0010ffff"]
GLUE = ["'s", "'S", "'re", "'VE", "'ll", "'D", "'m", "'T", "'\u017f", "\u2019s", "''", "'x", ".", ",", "!", "...", "-", "--", "_", "▁",
        "▁▁", "(", ")", "[", "]", "/", "\\", "\"", "«", "»", "…", "ß", "ﬁ", "ǅ", "İ", "ı", "K", "Å", "é", "e\u0301",
        "\u0301", "a\u0323\u0307", "\u0307\u0323", "가", "\u1100\u1161", "ᄀ", "<0x0A>", "Ġ", "Ċ", "##ing"]


def ranges(text):
    out = []
    for part in text.split():
        low, _, high = part.partition("-")
        out.extend(chr(c) for c in range(int(low, 16), int(high or low, 16) + 1))
    return [c for c in out if unicodedata.category(c) not in ("Cn", "Cs")]


ALPHABETS = [ranges(text) for text in SCRIPTS.values()]


def word(rng):
    alphabet = rng.choice(ALPHABETS)
    return "".join(rng.choice(alphabet) for _ in range(rng.choice((1, 2, 3, 4, 5, 6, 8, 12))))


def digits(rng):
    text = "".join(rng.choice("0123456789") for _ in range(rng.choice((1, 2, 3, 4, 5, 7, 9, 20))))
    return rng.choice((text, text + "." + text, "-" + text, text + "th", "3" * len(text)))


def anything(rng):
    """A few code points of any plane that are not surrogates."""
    out = ""
    for _ in range(rng.randint(1, 6)):
        c = rng.choice((rng.randrange(0x80), rng.randrange(0x3000), rng.randrange(0x10000), rng.randrange(0x20000)))
        if not 0xD800 <= c < 0xE000:
            out += chr(c)
    return out


def special(rng, specials):
    if not specials:
        return "<s>"
    text = rng.choice(specials)
    return rng.choice((text, text, " " + text, text + " ", text[:-1], text[1:], text + text, text.upper()))


def line(rng, specials):
    kind = rng.randrange(12)
    if kind == 0:
        text = rng.choice(SENTENCES)
        return rng.choice((text, unicodedata.normalize("NFD", text), unicodedata.normalize("NFKC", text), text.upper(),
                           " " + text, text.replace(" ", "\n")))
    if kind == 1:
        return rng.choice(CODE).replace("\\n", "\n")
    if kind == 2:
        return "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 6))) + word(rng) * rng.randint(0, 1)
    if kind == 3:
        return "".join(rng.choice(rng.choice((SPACES, GLUE, EMOJI, CONTROLS))) for _ in range(rng.randint(1, 10)))
    if kind == 4:
        return rng.choice((word(rng) * rng.randint(2, 40), rng.choice("aeiou _-=.*\n") * rng.randint(2, 200)))
    parts = []
    for _ in range(rng.randint(1, 12)):
        pick = rng.randrange(14)
        parts.append(word(rng) if pick < 4 else digits(rng) if pick == 4 else rng.choice(GLUE) if pick < 8
                     else rng.choice(SPACES) if pick == 8 else rng.choice(EMOJI) if pick == 9
                     else special(rng, specials) if pick == 10 else anything(rng) if pick == 11
                     else rng.choice(rng.choice(SENTENCES).split(" ")) if pick == 12 else rng.choice(CONTROLS))
        if rng.random() < 0.6:
            parts.append(" ")
    return "".join(parts)


def lines(seed, n, specials):
    rng = random.Random(seed)
    head = SENTENCES + [text.replace("\\n", "\n") for text in CODE] + EMOJI + SPACES + GLUE + [""]
    return (head + [line(rng, specials) for _ in range(max(0, n - len(head)))])[:n]
