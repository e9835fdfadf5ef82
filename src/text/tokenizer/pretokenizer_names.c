/* SPDX-License-Identifier: Apache-2.0
 *
 * The named pre-tokenizers of `tokenizer.ggml.pre`, as data: a name picks a list of regexes, each of which isolates
 * its matches in the pieces of the one before. To add one, add its regexes and a row.
 */
#include "text/tokenizer/pretokenizer.h"

/* What several of them share. */
#define LOWER_CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"
#define CONTRACTIONS       "(?i:" LOWER_CONTRACTIONS ")"
#define LINES_AND_SPACES   "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define SYMBOLS            " ?[^\\s\\p{L}\\p{N}]+"
#define UPPER              "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER              "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define BEFORE_WORD        "[^\\r\\n\\p{L}\\p{N}]?"
#define CJK                "[\\x{4E00}-\\x{9FA5}\\x{0800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"

/* The letters of deepseek-llm: Latin, Greek, Cyrillic, Armenian, Georgian, Cherokee and their like. */
#define LATIN                                                                                                          \
    "\\x{41}-\\x{5A}\\x{61}-\\x{7A}\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}"             \
    "\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}-\\x{377}\\x{37B}-\\x{37D}\\x{37F}\\x{386}"            \
    "\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}"                    \
    "\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}"                    \
    "\\x{1CBD}-\\x{1CBF}\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}"                  \
    "\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}"          \
    "\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}"         \
    "\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}"         \
    "\\x{2107}\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{212D}"           \
    "\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}-\\x{2184}"                   \
    "\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}\\x{2CF2}-\\x{2CF3}\\x{A640}-\\x{A66D}"                  \
    "\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}"                  \
    "\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}"                \
    "\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}"                             \
    "\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"

/* clang-format off */
const char pretokenizer_gpt2[] =
    LOWER_CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+|" SYMBOLS "|\\s+(?!\\S)|\\s+";

const char pretokenizer_lines[] = "[^\\n]+|[\\n]+";
/* Punctuation as the `tokenizers` library has it, which is that of Unicode 8. */
const char pretokenizer_punctuation[] =
    "(?![\\x{61D}\\x{9FD}\\x{A76}\\x{C77}\\x{C84}\\x{1B4E}\\x{1B4F}\\x{1B7D}-\\x{1B7F}\\x{2E43}-\\x{2E4F}\\x{2E52}-\\x{"
    "2E5D}"
    "\\x{10EAD}\\x{10F55}-\\x{10F59}\\x{10F86}-\\x{10F89}\\x{1144B}-\\x{1144F}\\x{1145A}-\\x{1145D}\\x{11660}-\\x{"
    "1166C}"
    "\\x{116B9}\\x{1183B}\\x{11944}-\\x{11946}\\x{119E2}\\x{11A3F}-\\x{11A46}\\x{11A9A}-\\x{11A9C}\\x{11A9E}-\\x{11AA2}"
    "\\x{11C41}-\\x{11C45}\\x{11C70}\\x{11C71}\\x{11EF7}\\x{11EF8}\\x{11FFF}\\x{12FF1}\\x{12FF2}\\x{16E97}-\\x{16E9A}"
    "\\x{16FE2}\\x{1E95E}\\x{1E95F}])[!-/:-@\\[-`{-~\\p{P}\\x{166D}\\x{111C9}]";

static const char llama3_words[] =
    CONTRACTIONS "|" BEFORE_WORD "\\p{L}+|\\p{N}{1,3}|" SYMBOLS "[\\r\\n]*|" LINES_AND_SPACES;
static const char qwen2_words[] =
    CONTRACTIONS "|" BEFORE_WORD "\\p{L}+|\\p{N}|" SYMBOLS "[\\r\\n]*|" LINES_AND_SPACES;
static const char qwen35_words[] =
    CONTRACTIONS "|" BEFORE_WORD "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES_AND_SPACES;
static const char tekken_words[] =
    BEFORE_WORD UPPER "*" LOWER "+|"
    BEFORE_WORD UPPER "+" LOWER "*|\\p{N}|" SYMBOLS "[\\r\\n/]*|" LINES_AND_SPACES;
static const char gpt4o_words[] =
    BEFORE_WORD UPPER "*" LOWER "+" CONTRACTIONS "?|"
    BEFORE_WORD UPPER "+" LOWER "*" CONTRACTIONS "?|\\p{N}{1,3}|" SYMBOLS "[\\r\\n/]*|" LINES_AND_SPACES;
static const char deepseek_v3_words[] =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
    " ?[\\p{P}\\p{S}]+[\\r\\n]*|" LINES_AND_SPACES;
static const char kana[] = "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+";
static const char wide_punctuation[] =
    "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+";
static const char trailing_spaces[] = "(?<!\\s)\\s++$"; /* as \s+$, but linear on a long run of spaces */
static const char bloom_words[] =
    " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{0964}\\x{06D4}\\x{060C})]+";

static const char *const gpt2[] = {pretokenizer_gpt2, NULL};
static const char *const llama3[] = {llama3_words, NULL};
static const char *const qwen2[] = {qwen2_words, NULL};
static const char *const qwen35[] = {qwen35_words, NULL};
static const char *const smollm[] = {"\\p{N}", pretokenizer_gpt2, NULL};
static const char *const tekken[] = {tekken_words, NULL};
static const char *const gpt4o[] = {gpt4o_words, NULL};
static const char *const deepseek_v3[] = {"\\p{N}{1,3}", kana, deepseek_v3_words, NULL};
static const char *const deepseek_llm[] = {
    "[\\r\\n]", "\\s?[" LATIN "]+", wide_punctuation, trailing_spaces, CJK, "\\p{N}+", NULL};
static const char *const deepseek_coder[] = {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", CJK, "\\p{N}", NULL};
static const char *const falcon[] = {"[\\p{P}\\$\\+<=>\\^~\\|`]+", pretokenizer_gpt2, "[0-9][0-9][0-9]", NULL};
static const char *const unnamed[] = {
    "[\\p{P}\\$\\+<=>\\^~\\|]+", pretokenizer_gpt2, "\\p{N}+", "[0-9][0-9][0-9]", NULL};
static const char *const bloom[] = {bloom_words, NULL};
/* clang-format on */

static const struct pretokenizer_name rows[] = {
    {"llama-bpe llama3 llama-v3 falcon3 pixtral lfm2", llama3, .ignore_merges = true, .add_bos = true},
    {"dbrx smaug-bpe chatglm-bpe glm4", llama3},
    {"qwen2", qwen2, .nfc = true},
    {"deepseek-r1-qwen stablelm2 megrez hunyuan grok-2", qwen2},
    {"qwen35", qwen35, .nfc = true},
    {"gpt-2 phi-2 jais exaone4 roberta-bpe", gpt2},
    {"mpt olmo modern-bert", gpt2, .nfc = true},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2", smollm},
    {"tekken", tekken, .ignore_merges = true, .add_bos = true},
    {"gpt-4o llama4 kanana2 minimax-m2", gpt4o},
    {"chameleon", gpt2, .add_bos = true},
    {"deepseek-v3 hunyuan-dense joyai-llm", deepseek_v3},
    {"deepseek-llm", deepseek_llm},
    {"deepseek-coder", deepseek_coder},
    {"falcon", falcon},
    {"bloom", bloom},
    {"default", unnamed},
};

const struct pretokenizer_name *pretokenizer_find(struct str name)
{
    if (name.len == 0)
        name = STR("default");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (const char *at = rows[i].names; *at;) {
            size_t len = strcspn(at, " ");
            if (str_eq(name, (struct str){at, len}))
                return &rows[i];
            at += len + (at[len] == ' ');
        }
    }
    return NULL;
}
