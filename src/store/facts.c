/* SPDX-License-Identifier: Apache-2.0 */
#include "store/facts.h"

#include <stdio.h>

#include "base/error.h"
#include "model/model.h"
#include "store/database.h"
#include "store/digest.h"
#include "store/remote.h"
#include "text/reply/parser.h"

/* GGUF's general.file_type. */
static const char *const file_types[] = {
    [0] = "F32",     [1] = "F16",     [2] = "Q4_0",    [3] = "Q4_1",    [7] = "Q8_0",     [8] = "Q5_0",
    [9] = "Q5_1",    [10] = "Q2_K",   [11] = "Q3_K_S", [12] = "Q3_K_M", [13] = "Q3_K_L",  [14] = "Q4_K_S",
    [15] = "Q4_K_M", [16] = "Q5_K_S", [17] = "Q5_K_M", [18] = "Q6_K",   [19] = "IQ2_XXS", [20] = "IQ2_XS",
    [24] = "IQ1_S",  [25] = "IQ4_NL", [26] = "IQ3_S",  [30] = "IQ4_XS", [32] = "BF16",    [36] = "TQ1_0",
    [37] = "TQ2_0",  [38] = "MXFP4",
};

bool facts_infill(struct model *model, int32_t ids[3])
{
    static const char *const names[][3] = {
        {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
        {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
        {"<PRE>", "<SUF>", "<MID>"},
        {"<|prefix|>", "<|suffix|>", "<|middle|>"},
        {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},
    };
    struct hob_error none;
    const struct tokenizer *tokenizer = model_tokenizer(model, &none);
    for (size_t i = 0; tokenizer && i < sizeof names / sizeof *names; i++) {
        bool all = true;
        for (size_t k = 0; k < 3; k++) {
            ids[k] = tokenizer_find(tokenizer, str_of(names[i][k]));
            all = all && ids[k] != TOKEN_NONE;
        }
        if (all)
            return true;
    }
    return false;
}

/* The name of the number format that most bytes are in, or what the file calls its mixture. */
static const char *quantization(const struct model *model)
{
    const struct gguf_value *type = model->gguf ? gguf_find(model->gguf, "general.file_type") : NULL;
    if (type && type->i >= 0 && (size_t)type->i < sizeof file_types / sizeof *file_types && file_types[type->i])
        return file_types[type->i];
    size_t n, most = 0;
    const struct tensor_info *tensors = model_tensors(model, &n);
    const char *name = "unknown";
    for (size_t i = 0; i < n; i++) {
        if (tensors[i].bytes <= most)
            continue;
        most = (size_t)tensors[i].bytes;
        name = tensors[i].type->name;
    }
    return name;
}

static json_t *capabilities(struct model *model)
{
    json_t *list = json_array();
    struct str text = model_template_text(model, true);
    int32_t ids[3];
    json_array_append_new(list, json_string("completion"));
    if (text.len && str_find(text, STR("tools"), 0) != SIZE_MAX && reply_format_calls(reply_format_find(text)))
        json_array_append_new(list, json_string("tools"));
    if (model_has_pooling(model))
        json_array_append_new(list, json_string("embedding"));
    if (facts_infill(model, ids))
        json_array_append_new(list, json_string("insert"));
    if (text.len && str_find(text, STR("think"), 0) != SIZE_MAX && reply_form_find(text, STR("")).thinks)
        json_array_append_new(list, json_string("thinking"));
    return list;
}

/* A count as Ollama writes it: 135M, 8.0B. */
static json_t *short_count(uint64_t n)
{
    if (n >= 1000000000)
        return json_sprintf("%.1fB", (double)n / 1e9);
    if (n >= 1000000)
        return json_sprintf("%.0fM", (double)n / 1e6);
    return json_sprintf("%.0fK", (double)n / 1e3);
}

static json_t *read_facts(const char *path, struct hob_error *err)
{
    struct model *model = model_open(path, err);
    if (!model)
        return NULL;
    size_t n;
    uint64_t parameters = 0;
    const struct tensor_info *tensors = model_tensors(model, &n);
    for (size_t i = 0; i < n; i++) {
        uint64_t elements = 1;
        for (unsigned d = 0; d < tensors[i].n_dims; d++)
            elements *= (uint64_t)tensors[i].ne[d];
        parameters += elements;
    }
    struct config config = model_config(model);
    int64_t context = 0, embedding = 0;
    config_int(&config, "context_length", "max_position_embeddings", 0, INT64_MAX, &context, NULL);
    config_int(&config, "embedding_length", "hidden_size", 0, INT64_MAX, &embedding, NULL);
    json_t *facts = json_object();
    json_object_set_new(facts, "architecture", json_bytes(model_architecture(model)));
    json_object_set_new(facts, "title", json_bytes(model_title(model)));
    json_object_set_new(facts, "license", json_bytes(model_license(model)));
    json_object_set_new(facts, "format", json_string(model->gguf ? "gguf" : "safetensors"));
    json_object_set_new(facts, "parameters", json_integer((json_int_t)parameters));
    json_object_set_new(facts, "parameter_size", short_count(parameters));
    json_object_set_new(facts, "quantization", json_string(quantization(model)));
    json_object_set_new(facts, "context_length", json_integer(context));
    json_object_set_new(facts, "embedding_length", json_integer(embedding));
    json_object_set_new(facts, "capabilities", capabilities(model));
    model_close(model);
    return facts;
}

json_t *facts_recall(const char *stamp)
{
    struct hob_error none;
    if (store_ask) {
        json_t *answer = store_ask("facts", json_pack("{s:s}", "stamp", stamp), NULL);
        if (json_object_size(answer))
            return answer;
        json_decref(answer);
        return NULL;
    }
    sqlite3 *db = database_open_existing(&none);
    sqlite3_stmt *row = db ? database_prepare(db, "SELECT json FROM facts WHERE stamp = ?1", &stamp, 1, NULL) : NULL;
    json_t *facts =
        row && sqlite3_step(row) == SQLITE_ROW ? json_read(database_text(row, 0), "library.db", NULL) : NULL;
    sqlite3_finalize(row);
    sqlite3_close(db);
    return facts;
}

void facts_note(const char *stamp, const json_t *facts)
{
    struct hob_error none;
    struct buf text = {0};
    sqlite3 *db = json_write(facts, &text) && buf_text(&text) ? database_open(&none) : NULL;
    const char *const texts[] = {stamp, text.ptr};
    if (db)
        database_run(db, "INSERT OR REPLACE INTO facts (stamp, json) VALUES (?1, ?2)", texts, 2, NULL);
    sqlite3_close(db);
    buf_clear(&text);
}

json_t *facts_of(const struct library_entry *entry, struct hob_error *err)
{
    char stamp[128];
    if (!library_check(entry, err))
        return NULL;
    if (entry->n_files == 0 || !digest_stamp(entry->files[0], stamp))
        return read_facts(entry->path, err);
    json_t *facts = facts_recall(stamp);
    if (facts)
        return facts;
    facts = read_facts(entry->path, err);
    if (facts && store_ask)
        json_decref(store_ask(
            "note",
            json_pack("{s:s, s:o, s:O}", "stamp", stamp, "path", json_bytes(str_of(entry->files[0])), "facts", facts),
            NULL));
    else if (facts)
        facts_note(stamp, facts);
    return facts;
}
