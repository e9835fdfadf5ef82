/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions by PCRE2: compiling and matching.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/tokenizer/regex.h"

#include <stdlib.h>

enum { MAX_PATTERN_BYTES = 65536, JIT_STACK_BYTES = 32 << 20 };

/* Far above what a sane pattern takes on 64 MiB of text, and still a bound on a hostile one. */
enum { MATCH_LIMIT = 1 << 28, DEPTH_LIMIT = 1 << 20, HEAP_LIMIT_KIB = 1 << 18 };

struct regex {
    pcre2_code *code;
    bool jit;
};

void regex_free(struct regex *regex)
{
    if (regex)
        pcre2_code_free(regex->code);
    free(regex);
}

static pcre2_code *compile(struct str pattern, int *error, PCRE2_SIZE *offset)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return NULL;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_max_pattern_length(context, 4 * MAX_PATTERN_BYTES);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, error, offset, context);
    pcre2_compile_context_free(context);
    return code;
}

struct regex *regex_compile(struct str pattern, enum regex_dialect dialect, struct hob_error *err)
{
    int shown = pattern.len < 120 ? (int)pattern.len : 120;
    if (pattern.len > MAX_PATTERN_BYTES) {
        error_set(err, HOB_FORMAT, "regex: %zu bytes, want at most %d", pattern.len, MAX_PATTERN_BYTES);
        return NULL;
    }
    struct buf translated = {0};
    struct regex *regex = calloc(1, sizeof(*regex));
    if (!regex || !regex_translate(pattern, dialect, &translated, err)) {
        if (!regex)
            error_memory(err, sizeof(*regex));
        buf_clear(&translated);
        free(regex);
        return NULL;
    }
    int error = PCRE2_ERROR_NOMEMORY;
    PCRE2_SIZE offset = 0;
    regex->code = compile(buf_view(&translated), &error, &offset);
    buf_clear(&translated);
    if (!regex->code) {
        char why[200] = "";
        pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof(why));
        error_set(err, HOB_FORMAT, "regex \"%.*s\": %s", shown, pattern.ptr, why);
        free(regex);
        return NULL;
    }
    regex->jit = pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0;
    return regex;
}

bool regex_scratch_init(struct regex_scratch *scratch, struct hob_error *err)
{
    *scratch = (struct regex_scratch){.data = pcre2_match_data_create(1, NULL),
                                      .context = pcre2_match_context_create(NULL),
                                      .stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_BYTES, NULL)};
    if (!scratch->data || !scratch->context)
        return error_memory(err, sizeof(*scratch));
    pcre2_set_match_limit(scratch->context, MATCH_LIMIT);
    pcre2_set_depth_limit(scratch->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(scratch->context, HEAP_LIMIT_KIB);
    /* No stack: the machine forbids making code, and nothing was compiled to it either. */
    if (scratch->stack)
        pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    return true;
}

void regex_scratch_clear(struct regex_scratch *scratch)
{
    pcre2_jit_stack_free(scratch->stack);
    pcre2_match_context_free(scratch->context);
    pcre2_match_data_free(scratch->data);
    *scratch = (struct regex_scratch){0};
}

bool regex_search(const struct regex *regex, struct regex_scratch *scratch, struct str text, size_t from, bool *matched,
                  struct text_span *span, struct hob_error *err)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.ptr ? text.ptr : "");
    int rc;
    if (regex->jit)
        rc = pcre2_jit_match(regex->code, subject, text.len, from, 0, scratch->data, scratch->context);
    else
        rc = pcre2_match(regex->code, subject, text.len, from, PCRE2_NO_UTF_CHECK, scratch->data, scratch->context);
    *matched = rc >= 0;
    if (rc >= 0) {
        const PCRE2_SIZE *found = pcre2_get_ovector_pointer(scratch->data);
        *span = (struct text_span){found[0], found[1]};
        return true;
    }
    if (rc == PCRE2_ERROR_NOMATCH)
        return true;
    char why[120] = "";
    pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, sizeof(why));
    return error_set(err, HOB_LIMIT, "regex: matching %zu bytes failed: %s", text.len, why);
}

bool regex_next(struct regex_walk *walk, struct regex_scratch *scratch, bool *matched, struct text_span *span,
                struct hob_error *err)
{
    *matched = false;
    while (walk->at <= walk->text.len) {
        if (!regex_search(walk->regex, scratch, walk->text, walk->at, matched, span, err))
            return false;
        if (!*matched)
            return true;
        bool empty = span->start == span->end;
        if (!empty || span->end != walk->last_end) {
            walk->at = walk->last_end = span->end;
            return true;
        }
        *matched = false;
        unsigned size = 1;
        if (walk->at < walk->text.len)
            utf8_decode(walk->text, walk->at, &size);
        walk->at += size;
    }
    return true;
}
