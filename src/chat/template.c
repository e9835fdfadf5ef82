/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates that stand for the model's.
 */
#include "text/jinja/template.h"

#include "base/error.h"
#include "base/file.h"
#include "chat/chat.h"

enum { MAX_FILE_BYTES = 1 << 20 };

bool chat_template_set(struct chat_template *out, struct str text, struct hob_error *err)
{
    if (!buf_str(&out->text, text))
        return error_memory(err, text.len);
    return (out->parsed = template_parse(buf_view(&out->text), err)) != NULL;
}

bool chat_template_open(struct chat_template *out, const struct model *model, const char *option, struct hob_error *err)
{
    struct str named = model ? model_template_named(model, str_of(option)) : STR("");
    struct buf text = {0};
    bool good = named.len
                    ? chat_template_set(out, named, err)
                    : file_load(option, MAX_FILE_BYTES, &text, err) && chat_template_set(out, buf_view(&text), err);
    buf_clear(&text);
    return good;
}

void chat_template_clear(struct chat_template *t)
{
    template_free(t->parsed);
    buf_clear(&t->text);
    *t = (struct chat_template){0};
}

bool chat_has_tools(const json_t *request)
{
    const json_t *tools = json_object_get(request, "tools");
    return tools && !json_is_null(tools);
}
