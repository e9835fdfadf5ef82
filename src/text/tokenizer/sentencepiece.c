/* SPDX-License-Identifier: Apache-2.0
 *
 * SentencePiece's tokenizer.model, a protocol buffer. A message is a run of fields: a key (number << 3 | wire type) as
 * a varint, then by wire type 0 a varint, 1 eight bytes, 2 a length and as many bytes, 5 four bytes.
 *
 *   ModelProto       1 piece (repeated), 2 trainer, 3 normalizer
 *   piece            1 text, 2 score (float), 3 type, numbered as in GGUF
 *   trainer          3 model (1 Unigram, 2 BPE), 24 spaces are suffixes, 40 unk, 41 bos, 42 eos, 43 pad
 *   normalizer       2 precompiled map, 3 add a space before, 4 remove extra spaces, 5 write spaces as U+2581
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/tokenizer/files.h"

enum { VARINT = 0, BYTES = 2, FIXED32 = 5, FIXED64 = 1, MAX_PIECES = 1 << 22 };

/* One field. */
struct field {
    unsigned number, wire;
    uint64_t value;   /* VARINT, FIXED32, FIXED64 */
    struct str bytes; /* BYTES */
};

static bool read_varint(struct str message, size_t *at, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && *at < message.len; shift += 7) {
        uint8_t byte = (uint8_t)message.ptr[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Reads the field at `*at`, which is below the message's length, and moves on. */
static bool read_field(struct str message, size_t *at, struct field *field)
{
    uint64_t key, len;
    if (!read_varint(message, at, &key))
        return false;
    *field = (struct field){.number = (unsigned)(key >> 3), .wire = (unsigned)(key & 7)};
    size_t left = message.len - *at;
    switch (field->wire) {
    case VARINT:
        return read_varint(message, at, &field->value);
    case BYTES:
        if (!read_varint(message, at, &len) || len > message.len - *at)
            return false;
        field->bytes = (struct str){message.ptr + *at, (size_t)len};
        *at += (size_t)len;
        return true;
    case FIXED32:
    case FIXED64:
        len = field->wire == FIXED32 ? 4 : 8;
        if (len > left)
            return false;
        for (unsigned i = 0; i < len; i++)
            field->value |= (uint64_t)(uint8_t)message.ptr[*at + i] << (8 * i);
        *at += (size_t)len;
        return true;
    default:
        return false;
    }
}

/* A model on its way into a vocabulary. */
struct proto {
    struct vocab vocab;
    struct str *tokens;
    float *scores;
    uint8_t *types, *attributes;
    size_t n, cap;
    uint64_t model;
    bool suffix_spaces, plain_spaces;
};

static bool broken(const char *what, struct hob_error *err)
{
    return error_set(err, HOB_FORMAT, "%s: the message is broken", what);
}

static bool read_piece(struct proto *proto, struct str message, struct hob_error *err)
{
    if (proto->n == proto->cap)
        return error_set(err, HOB_FORMAT, "pieces: more than %zu", proto->cap);
    struct str *text = &proto->tokens[proto->n];
    proto->types[proto->n] = TOKEN_NORMAL;
    struct field field;
    for (size_t at = 0; at < message.len;) {
        if (!read_field(message, &at, &field))
            return broken("piece", err);
        if (field.number == 1 && field.wire == BYTES) {
            *text = field.bytes;
        } else if (field.number == 2 && field.wire == FIXED32) {
            uint32_t bits = (uint32_t)field.value;
            memcpy(&proto->scores[proto->n], &bits, sizeof(bits));
        } else if (field.number == 3 && field.wire == VARINT) {
            proto->types[proto->n] = field.value <= TOKEN_BYTE ? (uint8_t)field.value : UINT8_MAX;
        }
    }
    /* Symbols are looked for where spaces are U+2581 already, so this one is never found. */
    if (proto->types[proto->n] == TOKEN_USER_DEFINED && str_find(*text, STR(" "), 0) != SIZE_MAX)
        proto->types[proto->n] = TOKEN_UNUSED;
    proto->n++;
    return true;
}

/* Negative numbers, which stand for "none", are varints of ten bytes. */
static int32_t id_of(uint64_t value)
{
    return value < INT32_MAX ? (int32_t)value : TOKEN_NONE;
}

static bool read_trainer(struct proto *proto, struct str message, struct hob_error *err)
{
    struct field field;
    for (size_t at = 0; at < message.len;) {
        if (!read_field(message, &at, &field))
            return broken("trainer_spec", err);
        if (field.wire != VARINT)
            continue;
        switch (field.number) {
        case 3:
            proto->model = field.value;
            break;
        case 24:
            proto->suffix_spaces = field.value;
            break;
        case 40:
            proto->vocab.unk = id_of(field.value);
            break;
        case 41:
            proto->vocab.bos = id_of(field.value);
            break;
        case 42:
            proto->vocab.eos = id_of(field.value);
            break;
        case 43:
            proto->vocab.pad = id_of(field.value);
            break;
        default:
            break;
        }
    }
    return true;
}

static bool read_normalizer(struct proto *proto, struct str message, struct hob_error *err)
{
    struct field field;
    for (size_t at = 0; at < message.len;) {
        if (!read_field(message, &at, &field))
            return broken("normalizer_spec", err);
        if (field.number == 2 && field.wire == BYTES)
            proto->vocab.charsmap = field.bytes;
        if (field.number == 3 && field.wire == VARINT)
            proto->vocab.add_space_prefix = field.value;
        if (field.number == 4 && field.wire == VARINT)
            proto->vocab.remove_extra_spaces = field.value;
        if (field.number == 5 && field.wire == VARINT)
            proto->plain_spaces = !field.value;
    }
    return true;
}

/* `pass` 0 counts the pieces, 1 reads everything. */
static bool read_model(struct proto *proto, struct str file, unsigned pass, struct hob_error *err)
{
    struct field field;
    for (size_t at = 0; at < file.len;) {
        if (!read_field(file, &at, &field))
            return broken("tokenizer.model", err);
        if (field.wire != BYTES)
            continue;
        if (pass == 0) {
            proto->cap += field.number == 1;
            continue;
        }
        if ((field.number == 1 && !read_piece(proto, field.bytes, err)) ||
            (field.number == 2 && !read_trainer(proto, field.bytes, err)) ||
            (field.number == 3 && !read_normalizer(proto, field.bytes, err)))
            return false;
    }
    return true;
}

static bool finish(struct proto *proto, struct hob_error *err)
{
    enum { UNIGRAM = 1, BPE = 2 };
    if (proto->model != UNIGRAM && proto->model != BPE)
        return error_set(err, HOB_FORMAT, "model_type: %llu, want 1 (Unigram) or 2 (BPE)",
                         (unsigned long long)proto->model);
    if (proto->suffix_spaces || proto->plain_spaces)
        return error_set(err, HOB_FORMAT, "%s is not supported",
                         proto->suffix_spaces ? "treat_whitespace_as_suffix" : "escape_whitespaces = false");
    proto->vocab.kind = proto->model == BPE ? VOCAB_SPM : VOCAB_UNIGRAM;
    proto->vocab.add_bos = proto->vocab.bos != TOKEN_NONE;
    proto->vocab.prefix_once = true;
    proto->vocab.single_precision = true;
    proto->vocab.n_tokens = proto->n;
    proto->vocab.tokens = proto->tokens;
    proto->vocab.scores = proto->scores;
    proto->vocab.types = proto->types;
    proto->vocab.attributes = proto->attributes;
    return true;
}

static bool count_added(void *ctx, const struct config_token *token, struct hob_error *err)
{
    struct proto *proto = ctx;
    if (token->id >= proto->cap)
        proto->cap = token->id + 1;
    (void)err;
    return true;
}

/* A token of the configuration; pieces keep their texts. */
static bool set_added(void *ctx, const struct config_token *token, struct hob_error *err)
{
    struct proto *proto = ctx;
    struct str *text = &proto->tokens[token->id];
    if (text->len && !str_eq(*text, token->text))
        return error_set(err, HOB_FORMAT, "token %zu is both \"%.*s\" and \"%.*s\"", token->id,
                         (int)(text->len < 60 ? text->len : 60), text->ptr,
                         (int)(token->text.len < 60 ? token->text.len : 60), token->text.ptr);
    *text = token->text;
    if (proto->types[token->id] != TOKEN_UNKNOWN)
        proto->types[token->id] = token->type;
    proto->attributes[token->id] = token->attributes;
    if (token->id >= proto->n)
        proto->n = token->id + 1;
    return true;
}

static struct tokenizer *build(struct proto *proto, const struct tokenizer_config *given, struct hob_error *err)
{
    struct tokenizer *tokenizer = tokenizer_new(&proto->vocab, err);
    if (tokenizer && !tokenizer_settle(tokenizer, given, tokenizer->add_bos, false, err)) {
        tokenizer_free(tokenizer);
        tokenizer = NULL;
    }
    return tokenizer;
}

struct tokenizer *tokenizer_from_sentencepiece(struct str file, const struct tokenizer_config *given,
                                               struct hob_error *err)
{
    /* The defaults of the format. */
    struct proto proto = {.model = 1,
                          .vocab = {.bos = 1,
                                    .eos = 2,
                                    .unk = 0,
                                    .eot = TOKEN_NONE,
                                    .pad = TOKEN_NONE,
                                    .sep = TOKEN_NONE,
                                    .add_space_prefix = true,
                                    .remove_extra_spaces = true}};
    struct tokenizer *tokenizer = NULL;
    if (!read_model(&proto, file, 0, err) || !config_each_added(given->config, count_added, &proto, err))
        return NULL;
    if (proto.cap == 0 || proto.cap > MAX_PIECES) {
        error_set(err, HOB_FORMAT, "pieces: %zu, want 1 to %d", proto.cap, MAX_PIECES);
        return NULL;
    }
    proto.tokens = calloc(proto.cap, sizeof(*proto.tokens));
    proto.scores = calloc(proto.cap, sizeof(*proto.scores));
    proto.types = calloc(proto.cap, 1);
    proto.attributes = calloc(proto.cap, 1);
    if (!proto.tokens || !proto.scores || !proto.types || !proto.attributes)
        error_memory(err, proto.cap * sizeof(*proto.tokens));
    else if (read_model(&proto, file, 1, err) && config_each_added(given->config, set_added, &proto, err) &&
             finish(&proto, err))
        tokenizer = build(&proto, given, err);
    free(proto.tokens);
    free(proto.scores);
    free(proto.types);
    free(proto.attributes);
    return tokenizer;
}
