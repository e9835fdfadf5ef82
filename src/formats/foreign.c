/* SPDX-License-Identifier: Apache-2.0
 *
 * What other files begin with.
 */
#include "formats/foreign.h"

static const struct {
    struct str magic;
    const char *name;
} foreign_magics[] = {
    {{"FUGG", 4}, "a big-endian GGUF, which is not supported"},
    {{"lmgg", 4}, "an old GGML file, from before GGUF"},
    {{"GGML", 4}, "an old GGML file, from before GGUF"},
    {{"ggml", 4}, "an old GGML file, from before GGUF"},
    {{"fmgg", 4}, "an old GGMF file, from before GGUF"},
    {{"tjgg", 4}, "an old GGJT file, from before GGUF"},
    {{"GGJT", 4}, "an old GGJT file, from before GGUF"},
    {{"ggjt", 4}, "an old GGJT file, from before GGUF"},
    {{"algg", 4}, "an old GGLA adapter, from before GGUF"},
    {{"GGUF", 4}, "a GGUF file"},
    {{"PK\3\4", 4}, "a zip archive, as PyTorch writes its pickles, which are refused: they can run code"},
    {{"\x80\2", 2}, "a pickle, which is refused: it can run code"},
    {{"\x80\3", 2}, "a pickle, which is refused: it can run code"},
    {{"\x80\4", 2}, "a pickle, which is refused: it can run code"},
    {{"\x80\5", 2}, "a pickle, which is refused: it can run code"},
    {{"\x1f\x8b", 2}, "a gzip archive"},
    {{"version https://", 16}, "a Git LFS pointer: the file itself was not fetched"},
    {{"<!DOCTYPE", 9}, "a web page"},
    {{"<!doctype", 9}, "a web page"},
    {{"<html", 5}, "a web page"},
};

const char *foreign_name(struct str head)
{
    /* A safetensors header: its length as u64 below 2^32, then JSON. It goes first, as the length may be any bytes. */
    if (head.len >= 9 && memcmp(head.ptr + 4, "\0\0\0\0{", 5) == 0)
        return "a safetensors file";
    for (size_t i = 0; i < sizeof foreign_magics / sizeof *foreign_magics; i++)
        if (str_starts(head, foreign_magics[i].magic))
            return foreign_magics[i].name;
    return NULL;
}
