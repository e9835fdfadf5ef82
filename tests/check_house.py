#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house, checked; prints TAP.

    tests/check_house.py [ROOT]

Each rule is a function that yields complaints (path, line, text). Before the repository is checked, each rule is
run on made-up files that break it, and on some that keep it: a rule that cannot fail is no rule.
"""
import os
import re
import subprocess
import sys
import tempfile

# A folder of src/ may include headers of folders with a smaller rank, and its own (docs/architecture.md).
RANKS = {
    "base": 0,
    "quant": 1,
    "formats": 2, "text": 2, "kernels": 2,
    "graph": 3,
    "backends": 4,
    "model": 5,
    "families": 6,
    "engine": 7, "store": 7,
    "chat": 8, "wall": 8, "train": 8, "eval": 8, "cluster": 8,
    "api": 9,
    "server": 10,
    "cli": 12,
}
# Those that have folders within them: one a processor, a device, a part of what text goes through.
NESTED = ("kernels", "backends", "text")
MAX_LINES = 600
SPDX_SUFFIXES = (".c", ".h", ".py", ".sh", ".js", ".mjs", "meson.build", "meson_options.txt")
TEXT_SUFFIXES = SPDX_SUFFIXES + (".md", ".css", ".html", ".yml", ".1")
# Written in pieces, so that this file may be checked too.
FORBIDDEN = [re.compile(p) for p in ("/wo" "rk/", "/tmp/bash" "_jobs", r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bXX" r"X\b")]


class Tree:
    """The files of a checkout, or of a folder that is none."""

    def __init__(self, root):
        self.root = root
        listing = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                                 capture_output=True, check=False)
        top = subprocess.run(["git", "-C", root, "rev-parse", "--show-toplevel"], capture_output=True, text=True,
                             check=False).stdout.strip()
        if listing.returncode == 0 and os.path.realpath(top) == os.path.realpath(root):
            paths = [p.decode() for p in listing.stdout.split(b"\0") if p]
        else:
            paths = [os.path.relpath(os.path.join(folder, name), root)
                     for folder, folders, names in os.walk(root)
                     if not folders.sort() and not os.path.relpath(folder, root).startswith(("build", ".git"))
                     for name in names]
        self.paths = sorted(p for p in set(paths) if os.path.isfile(os.path.join(root, p)))

    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def sources(self, *suffixes):
        return [p for p in self.paths if p.startswith("src/") and p.endswith(suffixes)]

    def public_headers(self):
        return [p for p in self.paths if p.startswith("include/") and p.endswith(".h")]

    def scripts(self):
        """Files without a suffix that start with #!."""
        for path in self.paths:
            if "." not in os.path.basename(path):
                with open(os.path.join(self.root, path), "rb") as file:
                    if file.read(2) == b"#!":
                        yield path


def includes_point_up(tree):
    """a folder includes only <hob.h>, itself and folders of a smaller rank"""
    for path in tree.sources(".c", ".h") + tree.public_headers():
        own = path.split("/")[1] if path.startswith("src/") else "include"
        # A comment may stand before the name, and a line may go on after a backslash.
        text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), tree.text(path), flags=re.DOTALL)
        for number, line in enumerate(text.replace("\\\n", "  ").splitlines(), 1):
            match = re.match(r'\s*#\s*include(?:_next)?\b\s*(.*)', line)
            if not match:
                continue
            named = re.match(r'"([^"]*)"|<([^>]*)>', match.group(1))
            if not named:
                yield path, number, f"include {match.group(1)}: want the name itself"
                continue
            name = named.group(1) if named.group(2) is None else named.group(2)
            folder = name.split("/")[0]
            if named.group(2) is not None:
                # The search path has src/ in it, so <folder/name.h> would be found, too.
                if folder in RANKS or os.path.exists(os.path.join(tree.root, "src", name)):
                    yield path, number, f'include <{name}>: want "{name}", so that its rank is seen'
            elif "/" not in name or folder not in RANKS or ".." in name.split("/"):
                yield path, number, f'include "{name}": want "folder/name.h" of a folder of src/'
            elif folder != own and RANKS[folder] >= RANKS.get(own, -1):
                yield path, number, f"{own}/ (rank {RANKS.get(own)}) includes {folder}/ (rank {RANKS[folder]})"


def folders_are_known(tree):
    """src/ has only the folders of the plan"""
    for path in tree.sources(""):
        parts = path.split("/")[1:-1]
        if not parts or parts[0] not in RANKS or len(parts) > 1 + (parts[0] in NESTED):
            yield path, 1, "is not in a folder of the plan"


def folders_are_described(tree):
    """docs/architecture.md has a row for each folder of src/, of the rank that is checked"""
    page = "docs/architecture.md"
    rows = re.findall(r"^\| (\d+) \| `src/(\w+)/` \|", tree.text(page), re.MULTILINE) if page in tree.paths else []
    described = {folder: int(rank) for rank, folder in rows}
    for folder in sorted({p.split("/")[1] for p in tree.sources("") if p.count("/") > 1}):
        if folder not in described:
            yield page, 1, f"has no row for src/{folder}/"
    for folder, rank in described.items():
        if RANKS.get(folder) != rank:
            yield page, 1, f"says that src/{folder}/ has rank {rank}, here it is {RANKS.get(folder)}"


def blank_comments(text):
    """`text` with comments, string literals and preprocessor lines blanked, lines kept; and the last line of each
    comment that can document something: it begins its line and says a sentence, and is no head of a file or section rule."""
    documents = set()

    def blank(match):
        piece = match.group(0)
        begins = text[text.rfind("\n", 0, match.start()) + 1:match.start()].strip() == ""
        if begins and piece.startswith(("/*", "//")) and re.search(r"[A-Za-z].*[.:]\s*(\*/)?$", piece, re.DOTALL) and "SPDX" not in piece and \
                not re.match(r"/\* -{3,}", piece):
            documents.add(text.count("\n", 0, match.end()) + 1)
        return re.sub(r"[^\n]", " ", piece)

    text_without = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.DOTALL)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text_without, flags=re.MULTILINE), documents


def declarations(code):
    """Yields (first line, last line, text) of the statements outside of braces (those of extern "C" do not count)."""
    code = re.sub(r"\bextern\s+\{", lambda m: re.sub(r"[^\n]", " ", m.group(0)), code)
    depth, start, line, text = 0, None, 1, ""
    for char in code:
        if char == "\n":
            line += 1
        if depth == 0:
            if char in ";{":
                if start is not None:
                    yield start, line, text
                start, text = None, ""
            elif not char.isspace() and start is None and char != "}":
                start, text = line, char
            elif start is not None:
                text += char
        depth = max(0, depth + (char == "{") - (char == "}"))


def is_function(text):
    match = re.match(r"[^=(]*?\b(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)|HOB_PRINTF\(.*?\)", "", text, flags=re.DOTALL))
    return bool(match) and not text.startswith("typedef") and match.group(1) not in ("_Static_assert", "_Alignas") \
        and not match.group(1).isupper()


def functions_are_documented(tree):
    """each function of a header has a comment right above it"""
    for path in tree.sources(".h") + tree.public_headers():
        code, documents = blank_comments(tree.text(path))
        documented_end = None  # where the declaration above ends, if it is documented and on one line
        for first, last, text in declarations(code):
            if not is_function(text):
                documented_end = None
                continue
            good = first - 1 in documents or (documented_end is not None and documented_end == first - 1)
            if not good:
                name = re.search(r"(\w+)\s*\(", text).group(1)
                yield path, first, f"{name}() has no docstring right above it"
            documented_end = last if good else None


def files_name_their_licence(tree):
    """each source file has an SPDX line"""
    for path in [p for p in tree.paths if p.endswith(SPDX_SUFFIXES)] + list(tree.scripts()):
        if not any("SPDX-License-Identifier: " in line for line in tree.text(path).splitlines()[:5]):
            yield path, 1, "has no SPDX-License-Identifier in its first lines"


def files_are_short(tree):
    """no C or Python file has more than 600 lines"""
    for path in tree.paths:
        if path.endswith((".c", ".h", ".py")):
            lines = tree.text(path).count("\n")
            if lines > MAX_LINES:
                yield path, lines, f"has {lines} lines, want at most {MAX_LINES}"


def words_are_clean(tree):
    """no paths of one machine, no notes of unfinished work"""
    for path in [p for p in tree.paths if p.endswith(TEXT_SUFFIXES)] + list(tree.scripts()):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for word in FORBIDDEN:
                match = word.search(line)
                if match:
                    yield path, number, f"says '{match.group(0)}'"


def nothing_compiled(tree):
    """no compiled program is among the files"""
    for path in tree.paths:
        with open(os.path.join(tree.root, path), "rb") as file:
            if file.read(4) == b"\x7fELF":
                yield path, 1, "is a compiled program"


def fuzz_targets_are_built(tree):
    """each fuzz target has its row and its corpus"""
    rows = tree.text("tests/fuzz/meson.build") if "tests/fuzz/meson.build" in tree.paths else ""
    for path in tree.paths:
        match = re.match(r"tests/fuzz/fuzz_(\w+)\.c$", path)
        if not match:
            continue
        name = match.group(1)
        if f"'{name}'" not in rows:
            yield path, 1, f"'{name}' has no row in tests/fuzz/meson.build"
        if not any(p.startswith(f"tests/fuzz/corpus/{name}/") for p in tree.paths):
            yield path, 1, f"has no corpus in tests/fuzz/corpus/{name}/"


RULES = [includes_point_up, folders_are_known, folders_are_described, functions_are_documented, files_name_their_licence, files_are_short,
         words_are_clean, nothing_compiled, fuzz_targets_are_built]

HEAD = "/* SPDX-License-Identifier: Apache-2.0\n *\n * A file.\n */\n"
# rule, whether it must complain, files
SAMPLES = [
    (includes_point_up, True, {"src/base/a.c": '#include "text/b.h"\n'}),
    (includes_point_up, True, {"src/formats/a.c": '#include "text/b.h"\n'}),
    (includes_point_up, True, {"src/kernels/x86/a.c": '#  include "kernels/ref/a.h"\n#include "graph/b.h"\n'}),
    (includes_point_up, True, {"src/engine/a.h": '#include "store/b.h"\n'}),
    (includes_point_up, True, {"src/cli/a.c": '#include "b.h"\n'}),
    (includes_point_up, True, {"src/cli/a.c": '#include "../base/b.h"\n'}),
    (includes_point_up, True, {"src/cli/a.c": '#include "misc/b.h"\n'}),
    (includes_point_up, True, {"src/base/a.c": "#include <text/b.h>\n"}),
    (includes_point_up, True, {"src/cli/a.c": "#include <base/b.h>\n"}),
    (includes_point_up, True, {"src/base/a.c": '#include /* here */ "text/b.h"\n'}),
    (includes_point_up, True, {"src/base/a.c": '#include \\\n  "text/b.h"\n'}),
    (includes_point_up, True, {"src/base/a.c": "#include NAME\n"}),
    (includes_point_up, True, {"src/text/a.c": '#include "text/../engine/b.h"\n'}),
    (includes_point_up, True, {"include/hob.h": '#include "base/b.h"\n'}),
    (includes_point_up, True, {"include/hob.h": "#include <base/b.h>\n"}),
    (includes_point_up, False, {"include/hob.h": "#include <stddef.h>\n", "src/base/a.c": "#include <sys/mman.h>\n"
                                '/* #include "text/b.h" */\n'}),
    (includes_point_up, False, {"src/cli/a.c": '#include "base/b.h"\n#include <hob.h>\n#include "cli/c.h"\n'}),
    (includes_point_up, False, {"src/backends/cpu/a.c": '#include "kernels/ref/b.h"\n#include "backends/c.h"\n'}),
    (folders_are_known, True, {"src/utils/a.c": ""}),
    (folders_are_known, True, {"src/a.c": ""}),
    (folders_are_known, True, {"src/base/utils/a.c": ""}),
    (folders_are_known, True, {"src/kernels/x86/misc/a.h": ""}),
    (folders_are_described, True, {"src/base/a.c": "", "docs/architecture.md": "| 0 | `src/quant/` | x |\n"}),
    (folders_are_described, True, {"src/base/a.c": "", "docs/architecture.md": "| 1 | `src/base/` | x |\n"}),
    (folders_are_described, True, {"src/base/a.c": ""}),
    (folders_are_described, False, {"src/base/a.c": "", "docs/architecture.md": "| 0 | `src/base/` | x |\n"}),
    (folders_are_known, False, {"src/kernels/x86/a.c": "", "src/base/meson.build": ""}),
    (functions_are_documented, True, {"src/base/a.h": HEAD + "int f(void);\n"}),
    (functions_are_documented, True, {"src/base/a.h": HEAD + "/* One. */\n\nint f(void);\n"}),
    (functions_are_documented, True, {"src/base/a.h": HEAD + "/* One. */\nint f(void);\n\nint g(int a,\n      int b);\n"}),
    (functions_are_documented, True, {"src/base/a.h": HEAD + "/* S. */\nstruct s {\n    int a;\n};\nstruct s *f(void);\n"}),
    (functions_are_documented, True, {"src/base/a.h": HEAD + "static inline int f(void)\n{\n    return 1;\n}\n"}),
    (functions_are_documented, True, {"src/base/a.h": HEAD + "extern int n; /* A number. */\nint f(void);\n"}),
    (functions_are_documented, True, {"src/base/a.h": HEAD + "/* */\nint f(void);\n"}),
    (functions_are_documented, True, {"src/base/a.h": HEAD + "/* x86/ */\nint f(void);\n"}),
    (functions_are_documented, True, {"include/hob.h": HEAD + 'extern "C" {\n/* ---- 1. Rule ---- */\nint f(void);\n}\n'}),
    (functions_are_documented, True, {"include/hob.h": HEAD + 'extern "C" {\n\nHOB_API void f(const char *, ...)\n'
                                      "    HOB_PRINTF(1, 2);\n}\n"}),
    (functions_are_documented, False, {"include/hob.h": HEAD + "#define F(a) \\\n    g(a)\n#ifdef __cplusplus\n"
                                       'extern "C" {\n#endif\n/* One. */\nHOB_API int f(void (*g)(int a));\n'
                                       "int h(void);\n#ifdef __cplusplus\n}\n#endif\n"}),
    (functions_are_documented, False, {"src/base/a.h": HEAD + "struct s;\nextern const struct s rows[];\n"
                                       "struct t {\n    int (*f)(void);\n};\ntypedef int (*fn)(int);\n"
                                       "/* Two\n * lines. */\nstatic inline int f(void)\n{\n    return g();\n}\n"}),
    (files_name_their_licence, True, {"src/base/a.c": "/* A file. */\n"}),
    (files_name_their_licence, True, {"tools/x": "#!/bin/sh\necho\n"}),
    (files_name_their_licence, True, {"src/base/meson.build": "x = 1\n"}),
    (files_name_their_licence, False, {"src/base/a.c": HEAD, "tools/x": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n",
                                       "tests/data": "\x01\x02", "README.md": "# hob\n"}),
    (files_are_short, True, {"src/base/a.c": "\n" * (MAX_LINES + 1)}),
    (files_are_short, True, {"tools/a.py": "\n" * (MAX_LINES + 1)}),
    (files_are_short, False, {"src/base/a.c": "\n" * MAX_LINES, "docs/a.md": "\n" * (MAX_LINES + 1)}),
    (words_are_clean, True, {"src/base/a.c": "/* TO" "DO: more */\n"}),
    (words_are_clean, True, {"README.md": "cd /wo" "rk/main\n"}),
    (words_are_clean, True, {"tools/x": "#!/bin/sh\n# FIX" "ME\n"}),
    (words_are_clean, False, {"README.md": "cd hob/work\n", "src/base/a.c": "int TODOS;\n"}),
    (nothing_compiled, True, {"tools/x": "\x7fELF\x02"}),
    (nothing_compiled, False, {"tools/x": "#!/bin/sh\n", "tests/data": ""}),
    (fuzz_targets_are_built, True, {"tests/fuzz/fuzz_a.c": "", "tests/fuzz/meson.build": ""}),
    (fuzz_targets_are_built, True, {"tests/fuzz/fuzz_a.c": "", "tests/fuzz/meson.build": "'a'"}),
    (fuzz_targets_are_built, False, {"tests/fuzz/fuzz_a.c": "", "tests/fuzz/meson.build": "'a'",
                                     "tests/fuzz/corpus/a/1": "x"}),
]


def try_sample(rule, files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return list(rule(Tree(root)))


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    failed = 0
    print(f"1..{2 * len(RULES)}")
    for number, rule in enumerate(RULES, 1):
        wrong = [sample for sample in SAMPLES if sample[0] is rule and bool(try_sample(rule, sample[2])) != sample[1]]
        tried = {sample[1] for sample in SAMPLES if sample[0] is rule}
        good = not wrong and tried == {True, False}
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - the check '{rule.__doc__}' works on samples")
        for sample in wrong:
            print(f"# {'accepted' if sample[1] else 'refused'}: {sample[2]!r}")
    tree = Tree(root)
    for number, rule in enumerate(RULES, len(RULES) + 1):
        complaints = list(rule(tree))
        failed += bool(complaints)
        print(f"{'not ok' if complaints else 'ok'} {number} - {rule.__doc__}")
        for path, line, text in complaints:
            print(f"# {path}:{line}: {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
