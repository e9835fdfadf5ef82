/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of a Hugging Face folder: one safetensors file, or several and an index that says which holds what.
 */
#include "formats/hf_weights.h"

#include "base/error.h"
#include "formats/safetensors.h"

enum { MAX_INDEX_BYTES = 64 << 20, MAX_FILES = 4096, SHOWN = 80 };

#define SINGLE "model.safetensors"
#define INDEX  "model.safetensors.index.json"

static int shown(struct str name)
{
    return name.len < SHOWN ? (int)name.len : SHOWN;
}

/* Opens file `name` of the folder as the next of hf->files and reads its tensors. */
static bool open_file(struct hf *hf, const char *name, struct tensor_info **tensors, size_t *n, struct hob_error *err)
{
    const char *path = hf_path(hf, name, err);
    struct file *file = arena_alloc(&hf->arena, sizeof *file);
    if (!path || !file)
        return error_memory(err, sizeof *file);
    if (!file_open(file, path, err))
        return false;
    hf->files[hf->n_files++] = file;
    return safetensors_read(file, &hf->arena, tensors, n, err);
}

static bool open_single(struct hf *hf, struct hob_error *err)
{
    hf->files = arena_alloc(&hf->arena, sizeof(struct file *));
    if (!hf->files)
        return error_memory(err, sizeof(struct file *));
    if (!open_file(hf, SINGLE, &hf->tensors, &hf->n_tensors, err))
        return false;
    for (size_t i = 0; i < hf->n_tensors; i++) /* names are unique: they were keys of one object */
        if (!map_add(&hf->by_name, hf->tensors[i].name, (uint32_t)i, NULL))
            return error_memory(err, hf->n_tensors);
    return true;
}

/* What the index says. */
struct index {
    size_t n_files;
    struct str *files;
    struct map file_of; /* file name: number */
    struct map where;   /* tensor name: number of its file */
};

/* A shard lies in the folder itself: a plain name, never a path or an address. */
static bool is_plain_name(struct str name)
{
    if (name.len == 0 || name.len > 255 || name.ptr[0] == '.' || !str_ends(name, STR(".safetensors")))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '/' || name.ptr[i] == '\\' || (unsigned char)name.ptr[i] < 0x20)
            return false;
    return true;
}

/* Reads weight_map into `index`, which borrows from it. */
static bool read_index(json_t *map, struct index *index, struct hob_error *err)
{
    if (!json_is_object(map) || json_object_size(map) == 0)
        return error_set(err, HOB_FORMAT, "weight_map: want an object that is not empty");
    for (void *iter = json_object_iter(map); iter; iter = json_object_iter_next(map, iter)) {
        struct str tensor = {json_object_iter_key(iter), json_object_iter_key_len(iter)};
        struct str name = json_span(json_object_iter_value(iter));
        if (!is_plain_name(name))
            return error_set(err, HOB_FORMAT, "weight_map: %.*s: \"%.*s\", want the name of a .safetensors file here",
                             shown(tensor), tensor.ptr, shown(name), name.ptr);
        bool existed;
        if (!map_add(&index->file_of, name, (uint32_t)index->n_files, &existed))
            return error_memory(err, index->n_files);
        if (!existed && index->n_files == MAX_FILES)
            return error_set(err, HOB_FORMAT, "weight_map: names more than %d files", MAX_FILES);
        if (!existed)
            index->files[index->n_files++] = name;
        if (!map_add(&index->where, tensor, map_get(&index->file_of, name), NULL))
            return error_memory(err, json_object_size(map));
    }
    return true;
}

/* Opens the files of the index; a tensor counts where the index places it. */
static bool open_shards(struct hf *hf, const struct index *index, struct hob_error *err)
{
    hf->files = arena_array(&hf->arena, index->n_files, sizeof(struct file *));
    hf->tensors = arena_array(&hf->arena, index->where.n_used, sizeof *hf->tensors);
    if (!hf->files || !hf->tensors)
        return error_memory(err, index->where.n_used * sizeof *hf->tensors);
    for (size_t i = 0; i < index->n_files; i++) {
        char name[256];
        memcpy(name, index->files[i].ptr, index->files[i].len);
        name[index->files[i].len] = '\0';
        struct tensor_info *tensors;
        size_t n;
        if (!open_file(hf, name, &tensors, &n, err))
            return false;
        for (size_t j = 0; j < n; j++) {
            if (map_get(&index->where, tensors[j].name) != i)
                continue;
            hf->tensors[hf->n_tensors] = tensors[j];
            if (!map_add(&hf->by_name, tensors[j].name, (uint32_t)hf->n_tensors++, NULL))
                return error_memory(err, index->where.n_used);
        }
    }
    return true;
}

/* Every tensor of the index must have been found. */
static bool check_complete(const struct hf *hf, json_t *map, struct hob_error *err)
{
    for (void *iter = json_object_iter(map); iter; iter = json_object_iter_next(map, iter)) {
        struct str tensor = {json_object_iter_key(iter), json_object_iter_key_len(iter)};
        struct str name = json_span(json_object_iter_value(iter));
        if (!hf_tensor(hf, tensor))
            return error_set(err, HOB_FORMAT, "weight_map: %.*s is not in %.*s", shown(tensor), tensor.ptr, shown(name),
                             name.ptr);
    }
    return true;
}

static bool open_indexed(struct hf *hf, const char *path, struct hob_error *err)
{
    json_t *root = json_read_file(path, MAX_INDEX_BYTES, err);
    if (!root)
        return false;
    json_t *map = json_object_get(root, "weight_map");
    struct str *files = arena_array(&hf->arena, MAX_FILES, sizeof *files);
    struct index index = {.files = files};
    bool good = files || error_memory(err, MAX_FILES * sizeof *files);
    if (good && !read_index(map, &index, err))
        good = error_prefix(err, "%s", INDEX);
    good = good && open_shards(hf, &index, err);
    if (good && !check_complete(hf, map, err))
        good = error_prefix(err, "%s", INDEX);
    map_clear(&index.file_of);
    map_clear(&index.where);
    json_decref(root);
    return good;
}

bool hf_open_weights(struct hf *hf, struct hob_error *err)
{
    static const char *const pickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt",
                                          "model.pth",         "consolidated.00.pth",          "model.ckpt"};
    const char *single = hf_path(hf, SINGLE, err), *index = hf_path(hf, INDEX, err);
    if (!single || !index)
        return false;
    if (file_exists(single))
        return open_single(hf, err);
    if (file_exists(index))
        return open_indexed(hf, index, err);
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        const char *path = hf_path(hf, pickles[i], err);
        if (!path)
            return false;
        if (file_exists(path))
            return error_set(err, HOB_FORMAT, "%s: a pickle is refused, as it can run code: want " SINGLE, path);
    }
    return true;
}
