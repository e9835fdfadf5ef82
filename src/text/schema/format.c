/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats as patterns. Each takes no more than its standard does, so that every validator takes what it lets through.
 */
#include "text/schema/schema.h"

/* RFC 3339: the days of each month, and leap years from 0004 on. */
#define YEAR      "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
#define LEAP_YEAR "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
#define DATE                                                                                                           \
    "(?:" YEAR "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"              \
    "02-(?:0[1-9]|1[0-9]|2[0-8]))|" LEAP_YEAR "-02-29)"
#define TIME "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,15})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

/* RFC 3339, appendix A. */
#define DAY_TIME "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
#define DAYS     "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"

/* RFC 1123: labels of letters, digits and inner hyphens, 63 characters at most; 253 together. */
#define ALNUM "[A-Za-z0-9]"
#define LABEL ALNUM "(?:[A-Za-z0-9-]{0,61}" ALNUM ")?"

/* RFC 5322, without comments. */
#define ATOM   "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
#define QUOTED "\"(?:[ !#-\\[\\]-~]|\\\\[ -~])+\""
#define PART   ALNUM "+(?:-+" ALNUM "+)*"
#define DOMAIN PART "(?:\\." PART ")*"

#define BYTE   "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define IPV4   BYTE "\\." BYTE "\\." BYTE "\\." BYTE
#define H      "[0-9A-Fa-f]{1,4}"
#define LAST32 "(?:" H ":" H "|" IPV4 ")"

#define IPV6                                                                                                           \
    "(?:(?:" H ":){6}" LAST32 "|::(?:" H ":){5}" LAST32 "|(?:" H ")?::(?:" H ":){4}" LAST32 "|(?:(?:" H ":){0,1}" H    \
    ")?::(?:" H ":){3}" LAST32 "|(?:(?:" H ":){0,2}" H ")?::(?:" H ":){2}" LAST32 "|(?:(?:" H ":){0,3}" H ")?::" H     \
    ":" LAST32 "|(?:(?:" H ":){0,4}" H ")?::" LAST32 "|(?:(?:" H ":){0,5}" H ")?::" H "|(?:(?:" H ":){0,6}" H ")?::)"

/* RFC 3986. */
#define HEX2  "%[0-9A-Fa-f]{2}"
#define PCHAR "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|" HEX2 ")"
#define USER  "(?:[A-Za-z0-9._~!$&'()*+,;=:-]|" HEX2 ")*@"
#define NAME  "(?:[A-Za-z0-9._~!$&'()*+,;=-]|" HEX2 ")*"

static const struct {
    const char *name, *pattern;
    uint32_t max;
} formats[] = {
    {"date", "^" DATE "$"},
    {"time", "^" TIME "$"},
    {"date-time", "^" DATE "[Tt]" TIME "$"},
    {"duration", "^P(?:" DAYS "(?:" DAY_TIME ")?|" DAY_TIME "|[0-9]+W)$"},
    {"email", "^(?:" ATOM "(?:\\." ATOM ")*|" QUOTED ")@(?:" DOMAIN "|\\[(?:" IPV4 "|IPv6:" IPV6 ")\\])$"},
    {"hostname", "^" LABEL "(?:\\." LABEL ")*$", 253},
    {"ipv4", "^" IPV4 "$"},
    {"ipv6", "^" IPV6 "$"},
    {"uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
    {"uri",
     "^[A-Za-z][A-Za-z0-9+.-]*:(?://(?:" USER ")?(?:" NAME "|\\[" IPV6 "\\])(?::[0-9]{0,5})?(?:/" PCHAR "*)*|/(?:" PCHAR
     "+(?:/" PCHAR "*)*)?|" PCHAR "+(?:/" PCHAR "*)*)?(?:\\?(?:" PCHAR "|[/?])*)?(?:#(?:" PCHAR "|[/?])*)?$"},
};

const char *schema_format(struct str name, uint32_t *max)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!str_eq(name, str_of(formats[i].name)))
            continue;
        *max = formats[i].max ? formats[i].max : GRAMMAR_MANY;
        return formats[i].pattern;
    }
    return NULL;
}
