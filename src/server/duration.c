/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "server/server.h"

#define LONGEST_S 9e9

bool duration_read(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"h", 3600}, {"m", 60}, {"s", 1}};
    bool negative = *text == '-';
    double sum = 0;
    text += negative || *text == '+';
    if (strcmp(text, "0") == 0) {
        *seconds = 0;
        return true;
    }
    if (!*text)
        return false;
    while (*text) {
        char *end;
        size_t i = 0, length = strspn(text, "0123456789.");
        double number = strtod(text, &end);
        while (i < 6 && strncmp(end, units[i].unit, strlen(units[i].unit)) != 0)
            i++;
        if (length == 0 || end != text + length ||
            i == 6) /* no sign, exponent or hexadecimal digit, which strtod() reads */
            return false;
        sum += number * units[i].seconds;
        text = end + strlen(units[i].unit);
    }
    *seconds = negative ? -sum : sum;
    return sum <= LONGEST_S;
}
