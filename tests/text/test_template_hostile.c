/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates that mean harm: each ends in time and memory, on a small stack, whatever it ends with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "text/jinja/template.h"
#include "yardstick.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

enum {
    MAX_MS = SANITIZED ? 10000 : 250, /* where slowness() is 1 */
    TRIES = 3,
    MAX_KIB = 64 << 10,
    STACK_BYTES = SANITIZED ? 16 << 20 : 1 << 20,
    EXIT_TEXT = 10, /* + HOB_OK or the status of the error */
};

/* A template as pieces: `head`, `n` times `piece`, `middle`, `n` times `tail`, `end`. */
struct hostile {
    int n;
    const char *head, *piece, *middle, *tail, *end;
};

#define DOUBLE(body) 0, "{% set ns = namespace(s='xy', l=[1]) %}{% for i in range(99) %}" body "{% endfor %}"

static const struct hostile hostiles[] = {
    /* Loops that never end. */
    {0, "{% for a in range(1000000000) %}x{% endfor %}"},
    {0, "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}"},
    {0, "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"},
    {0, "{% for a in range(25000) %}{% for b in range(25000) %}{{ a * b }}{% endfor %}{% endfor %}"},
    {6, "", "{% for a in range(99999) %}", "", "{% endfor %}", ""},
    {0, "{% for a in range(99999) %}{% for b in range(99999) if b > a %}{% endfor %}{% endfor %}"},
    {0, "{% for a in range(99999) if range(99999)|list|length > 5 %}{% endfor %}"},
    {0, "{% for a in range(99999) %}{% for b in range(99999) %}{% continue %}{% endfor %}{% endfor %}"},
    {0, "{% for a in range(99999) %}{{ range(99999)|sum }}{% endfor %}"},
    {0, "{% for a in range(99999) %}{{ 99998 in range(99999) }}{% endfor %}"},
    {0, "{% for a in range(99999) %}{% if range(99999)|list == range(99999)|list %}{% endif %}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ 'x' in l }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l.index(99998) }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|sort|first }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|unique|first }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|tojson|length }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|string|length }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ (l + l)|length }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l[::-1]|length }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|map('string')|join|length }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|select('odd')|list|length }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|batch(1)|list|length }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|max }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|reverse|first }}{% endfor %}"},
    {0, "{% set l = range(99999)|list %}{% for a in l %}{{ l|groupby(0)|length }}{% endfor %}"},
    {0,
     "{% set d = dict(range(99998)|batch(2)|map('list')) %}{% for a in range(99999) %}{{ d == d.copy() }}{% endfor %}"},
    {0, "{% set d = dict(range(99998)|batch(2)) %}{% for a in range(99999) %}{{ d|dictsort|length }}{% endfor %}"},
    {0,
     "{% set d = dict(range(99998)|batch(2)) %}{% for a in range(99999) %}{{ d|tojson(sort_keys=true) }}{% endfor %}"},
    {0, "{% set d = dict(range(99998)|batch(2)) %}{% for a in range(99999) %}{{ d.items()|list|length }}{% endfor %}"},
    {0, "{% for a in range(99999) %}{% set x = 'y' * 100000 %}{% endfor %}"},
    {0, "{% for a in range(99999) %}{% set x %}{% for b in range(99999) %}z{% endfor %}{% endset %}{% endfor %}"},
    {0, "{% for a in range(99999) %}{% set c = cycler(a) %}{% set n = namespace(a=a) %}{% set d = {'a': a} %}{% endfor "
        "%}"},
    {0, "{% for a in range(99999) recursive %}{{ loop(range(99999)) }}{% endfor %}"},
    {0, "{% for a in range(99999) %}{% for b in 'x' * 99999 %}{{ loop.last }}{% endfor %}{% endfor %}"},
    {0, "{% for a in range(99999) %}{% for b in range(99999) if b %}{{ loop.length }}{% endfor %}{% endfor %}"},
    {0, "{% for a in range(99999) %}{{ strftime_now('%A %B %c' * 20) }}{% endfor %}"},
    {0, "{% for a in range(99999) %}{% with b = range(99999)|list %}{% endwith %}{% endfor %}"},
    /* Things that double. */
    {DOUBLE("{% set ns.s = ns.s + ns.s %}")},
    {DOUBLE("{% set ns.s = ns.s ~ ns.s %}")},
    {DOUBLE("{% set ns.s = ns.s * 2 %}")},
    {DOUBLE("{% set ns.s = [ns.s, ns.s]|join %}")},
    {DOUBLE("{% set ns.s = ns.s.join([ns.s, ns.s]) %}")},
    {DOUBLE("{% set ns.s = ns.s.replace('x', 'xx') %}")},
    {DOUBLE("{% set ns.s = ns.s|replace('', 'x') %}")},
    {DOUBLE("{% set ns.s = '%s%s' % (ns.s, ns.s) %}")},
    {DOUBLE("{% set ns.s = '{0}{0}'.format(ns.s) %}")},
    {DOUBLE("{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}")},
    {DOUBLE("{% set ns.s = ns.s|tojson|tojson %}")},
    {DOUBLE("{% set ns.s = [ns.s, ns.s]|string %}")},
    {DOUBLE("{% set ns.s = ns.s|escape|forceescape %}")},
    {DOUBLE("{% set ns.s = ns.s|urlencode + '%' + ns.s %}")},
    {DOUBLE("{% set ns.s = ns.s|indent(ns.s|length, true) %}")},
    {DOUBLE("{% set ns.s = ns.s.center(ns.s|length * 2) %}")},
    {DOUBLE("{% set ns.s = ns.s|upper ~ ns.s|title %}")},
    {DOUBLE("{% filter replace('x', 'xx') %}{{ ns.s }}{% endfilter %}{% set ns.s = ns.s * 2 %}")},
    {DOUBLE("{% set ns.l = ns.l + ns.l %}")},
    {DOUBLE("{% set ns.l = ns.l * 2 %}")},
    {DOUBLE("{% set ns.l = [ns.l, ns.l] %}") "{{ ns.l }}"},
    {DOUBLE("{% set ns.l = [ns.l, ns.l] %}") "{{ ns.l|tojson }}"},
    {DOUBLE("{% set ns.l = [ns.l, ns.l] %}") "{{ ns.l|tojson(indent=9999) }}"},
    {DOUBLE("{% set ns.l = [ns.l, ns.l] %}{% set ns.s = [ns.s, ns.s] %}") "{{ ns.l == ns.s }}{{ ns.l < ns.s }}"},
    {DOUBLE("{% set ns.l = (ns.l, ns.l) %}{% set ns.s = (ns.s, ns.s) %}") "{{ {ns.s: 1} }}"},
    {DOUBLE("{% set ns.l = (ns.l, ns.l) %}{% set ns.s = (ns.s, ns.s) %}") "{{ ns.s in [ns.l] }}"},
    {DOUBLE("{% set ns.l = {'a': ns.l, 'b': ns.l} %}") "{{ ns.l }}"},
    {DOUBLE("{% set ns.l = {'a': ns.l, 'b': ns.l} %}") "{{ ns.l|tojson }}{{ ns.l == ns.l.copy() }}"},
    {DOUBLE("{% set ns.l = ns.l|map('string')|list + ns.l %}")},
    {0, "{% set ns = namespace(i=3) %}{% for i in range(99) %}{% set ns.i = ns.i * ns.i %}{% endfor %}"},
    {0, "{% set ns = namespace(i=1.5) %}{% for i in range(99) %}{% set ns.i = ns.i ** ns.i %}{% endfor %}"},
    {0, "{{ 9 ** 9 ** 9 ** 9 }}{{ 2 ** 9999999999 }}"},
    /* One step that is too much. */
    {0, "{{ 'x' * 1000000000 }}"},
    {0, "{{ 'x' * 9223372036854775807 }}"},
    {0, "{{ [0] * 1000000000 }}"},
    {0, "{{ [] * 9223372036854775807 }}{{ '' * 9223372036854775807 }}"},
    {0, "{{ '%1000000000d' % 1 }}"},
    {0, "{{ '%.1000000000f' % 1.0 }}"},
    {0, "{{ '%*d' % (9223372036854775807, 1) }}"},
    {0, "{{ '%99999999999999999999d' % 1 }}"},
    {0, "{{ '{:>1000000000}'.format('x') }}"},
    {0, "{{ '{:0>1000000000,}'.format(1) }}{{ '{:01000000000,}'.format(1) }}"},
    {0, "{{ '{:.999999999f}'.format(1.5) }}"},
    {0, "{{ '{:{}}'.format('x', 999999999) }}"},
    {0, "{{ 'x'.center(1000000000) }}"},
    {0, "{{ 'x'.ljust(9223372036854775807) }}"},
    {0, "{{ 'x'.zfill(1000000000) }}"},
    {0, "{{ 'x'|center(1000000000) }}"},
    {0, "{{ ('\t' * 999).expandtabs(1000000000) }}"},
    {0, "{{ 'x'|indent(1000000000, true) }}"},
    {0, "{{ [[1]]|tojson(indent=1000000000) }}"},
    {0, "{{ [1]|batch(1000000000, 0)|list }}"},
    {0, "{{ [1]|slice(1000000000)|list }}"},
    {0, "{{ [1]|slice(9223372036854775807, 1)|list }}"},
    {0, "{{ 1|round(9223372036854775807) }}{{ 1.5|round(-9223372036854775807) }}{{ 1.5|round(999999) }}"},
    {0, "{{ -9223372036854775807 - 1 }}{{ (-9223372036854775807 - 1) // -1 }}{{ (-9223372036854775807 - 1) % -1 }}"},
    {0, "{{ 'x'[9223372036854775807:] }}{{ 'x'[::-9223372036854775807] }}{{ range(9)[::-9223372036854775807] }}"},
    {0, "{{ range(-9223372036854775807, 9223372036854775807) }}"},
    {0, "{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807)|list }}"},
    {0, "{{ ('ab' * 500000).rfind('a' * 250000) }}"},
    {0, "{{ ('a' * 1000000).rfind('b' + 'a' * 500000) }}"},
    {0, "{{ ('a' * 1000000).rsplit('b' + 'a' * 500000, 5) }}"},
    {0, "{{ ('a' * 1000000).find('a' * 499999 + 'b') }}"},
    {0, "{{ ('a' * 1000000).replace('a' * 499999 + 'b', '') }}"},
    {0, "{{ ('a' * 1000000).replace('a', 'b' * 100000) }}"},
    {0, "{{ ('a' * 1000000).strip('b' * 100000 + 'a') }}"},
    {0, "{{ ('a' * 1000000).split('a') }}"},
    {0, "{{ (' a' * 1000000).split() }}"},
    {0, "{{ ('a' * 4000000)|list|length }}"},
    {0, "{{ ('\\u03a3' * 1000000).lower()|length }}"},
    {0, "{{ ('\\u0345\\u03a3' * 500000)|lower|length }}"},
    {0, "{{ ('a-' * 1000000)|title|capitalize|wordcount }}"},
    {0, "{{ ('\\u00df' * 1000000).upper().title().swapcase()|length }}"},
    {0, "{{ ('é' * 1000000)[500000:][::-1][::3]|length }}"},
    {0, "{% set s = 'é' * 100000 %}{% for i in range(99999) %}{{ s[i] }}{% endfor %}"},
    {0, "{% set s = 'é' * 100000 %}{% for i in range(99999) %}{{ s.find('é', i) }}{% endfor %}"},
    {0, "{{ raise_exception('x' * 1000000) }}"},
    {0, "{{ strftime_now('%c' * 1000000) }}"},
    {0, "{{ strftime_now('%c' * 120) }}"},
    {0, "{{ dict.fromkeys(range(99999)) }}{{ {}.fromkeys(range(99999))|length }}"},
    {0, "{{ '{}'.format(*range(99999)) }}{{ dict(*range(99999)) }}"},
    {0, "{% macro m() %}{{ varargs|length }}{% endmacro %}{{ m(*range(65000)) }}{{ m(*range(99999)) }}"},
    {0, "{% macro m() %}{{ kwargs|length }}{% endmacro %}{{ m(**dict(range(60000)|map('string')|batch(2))) }}"},
    {0, "{{ ('%s' * 100000) % (range(99999)|list) }}"},
    {0, "{{ ('%(' * 100000) % {'a': 1} }}"},
    {0, "{{ ('{' * 100001).format(1) }}{{ ('{0[' * 100000).format(1) }}"},
    /* More of each. */
    {0, "{% set ns=namespace(s='') %}{% for i in range(99999) %}{% set ns.s = ns.s ~ "
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}{% endfor %}{{ ns.s|length }}"},
    {0, "{% set ns=namespace(s='') %}{% for i in range(99999) %}{% set ns.s = "
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' ~ ns.s %}{% endfor %}{{ ns.s|length }}"},
    {0, "{% set ns=namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('a','aaaaaaaaaa') %}{% endfor "
        "%}"},
    {0, "{{ '%9999999d' % 1 }}{{ '%9999999s' % 'x' }}{{ '%09999999d' % 1 }}{{ '%.9999999d' % 1 }}"},
    {0, "{{ ('%9999999d' * 100) % range(100)|list|batch(100)|first }}"},
    {0, "{{ ('%9999999d' * 100) % (1,) }}"},
    {0, "{% for i in range(9999) %}{{ '%999999d' % 1 }}{% endfor %}"},
    {0, "{% for i in range(9999) %}{% set x = 'x'.center(10**6) %}{% endfor %}"},
    {0, "{% for i in range(99999) %}{% set x = 'x'|center(9000) %}{% endfor %}"},
    {0, "{{ 'x'.center(10**9) }}"},
    {0, "{{ 'x' * 10**9 }}"},
    {0, "{{ [1] * 10**9 }}"},
    {0, "{{ (1,) * 10**9 }}"},
    {0, "{{ range(10**18) }}"},
    {0, "{{ range(10**5)|list|map('string')|join('x'*1000) }}"},
    {0, "{{ (range(10**5)|list)|join('x'*100000) }}"},
    {0, "{% macro m(n) %}{{ m(n+1) }}{{ m(n+1) }}{% endmacro %}{{ m(0) }}"},
    {0, "{% macro m(f) %}{{ f(f) }}{% endmacro %}{{ m(m) }}"},
    {0, "{% set l = range(99999)|map('string')|list %}{% for i in range(99) %}{% set x = l|sort(reverse=true) %}{% "
        "endfor %}"},
    {0, "{% set l = range(99999)|map('string')|list %}{% for i in range(99) %}{% set x = "
        "l|sort(attribute='a,b,c,d,e,f,g') %}{% endfor %}"},
    {0, "{% set l = ['a'*5000]*5000 %}{{ l|sort|length }}{{ l|unique|list|length }}{{ l|groupby(0)|length }}"},
    {0, "{% set l = ['a'*9000 ~ 'b']*9000 %}{{ ('a'*9000 ~ 'c') in l }}"},
    {0, "{% set l = ['a'*9000]*9000 %}{{ l == l }}{{ l < l }}{{ l|max }}"},
    {0, "{{ ('a'*4000000)|wordwrap(1) }}"},
    {0, "{{ ('a '*2000000)|wordwrap(1)|length }}"},
    {0, "{{ ('a-'*2000000)|wordwrap(3)|length }}"},
    {0, "{{ ('\\n'*1000000)|wordwrap(5)|length }}"},
    {0, "{{ ('a '*100000)|wordwrap(10, wrapstring='x'*10000)|length }}"},
    {0, "{{ ('\\n'*1000000)|indent(100, true, true)|length }}"},
    {0, "{{ ('a\\n'*1000000)|indent('x'*1000)|length }}"},
    {0, "{{ [1]|batch(10**9, 'x')|list|length }}"},
    {0, "{{ [1]|slice(10**9, 'x')|list|length }}"},
    {0, "{{ []|slice(10**7)|list|length }}"},
    {0, "{% set ns=namespace() %}{% set ns.a=ns %}{{ ns|tojson }}{{ ns.a.a.a.a }}"},
    {0, "{% set ns=namespace(a={}) %}{% set ns.b={'x':ns} %}{{ ns.b }}{{ ns.b|string }}{{ ns.b|tojson }}"},
    {0,
     "{% set ns=namespace(d={}) %}{% for i in range(99999) %}{% set ns.d = dict(ns.d, **{i|string: i}) %}{% endfor %}"},
    {0, "{% set ns=namespace(d={}) %}{% for i in range(3000) %}{% set ns.d = {'a': ns.d, 'b': ns.d} %}{% endfor %}{{ "
        "ns.d == ns.d }}"},
    {0, "{% set ns=namespace(d=[]) %}{% for i in range(60) %}{% set ns.d = [ns.d, ns.d] %}{% endfor %}{{ "
        "ns.d|string|length }}{{ ns.d in [ns.d] }}"},
    {0, "{% set ns=namespace(d=[]) %}{% for i in range(60) %}{% set ns.d = [ns.d, ns.d] %}{% endfor %}{{ (ns.d, 1) < "
        "(ns.d[:], 1) }}"},
    {0, "{% set ns=namespace(d=()) %}{% for i in range(60) %}{% set ns.d = (ns.d, ns.d) %}{% endfor %}{{ {ns.d:1} }}"},
    {0, "{{ 9223372036854775807 * 9223372036854775807 }}"},
    {0, "{{ -9223372036854775808 // -1 }}"},
    {0, "{{ (-9223372036854775807-1)|abs }}"},
    {0, "{{ 2 ** 63 }}{{ 1 % 0 }}"},
    {0, "{{ 'x' * -9223372036854775807 }}{{ 'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}"},
    {0, "{{ ('a'*1000000).split('a')|length }}{{ ('a'*1000000)|list|length }}"},
    {0, "{% for c in 'a'*8000000 %}{{ c }}{% endfor %}"},
    {0, "{{ ('{}'*100000).format(*range(65000)|list) }}"},
    {0, "{{ '{:9999999}'.format(1) * 100 }}"},
    {0, "{{ '{0:{1}}'.format('x', 10**12) }}"},
    {0, "{{ ('{0!r}'*100000).format('x'*100000) }}"},
    {0, "{{ ('{0[0]' ~ '[0]'*100000 ~ '}').format([[1]]) }}"},
    {0, "{{ ('x'*1000000).translate({120:'y'*1000}) }}"},
    {0, "{{ ('x'*1000000).translate(''.maketrans('x'*1000000,'y'*1000000)) }}"},
    {0, "{% for i in range(9999) %}{% set t = ''.maketrans('abcdefgh'*1000,'abcdefgh'*1000) %}{% endfor %}"},
    {0, "{{ ('\\U0001F600'*1000000)|tojson(true) }}"},
    {0, "{{ dict.fromkeys(range(99999), 'x'*1000)|tojson }}"},
    {0, "{% for i in range(9999) %}{{ strftime_now('%100000Y') }}{% endfor %}"},
    {0, "{{ strftime_now('%99999999999999999999Y') }}"},
    {0, "{{ ('&'*2000000)|e|e|e }}"},
    {0, "{{ ('a b '*2000000)|title|wordcount }}"},
    {0, "{{ ('x'*1000000)|truncate(999999, end='y'*900000) }}"},
    {0, "{{ (' '*4000000).split() }}{{ (' '*4000000)|trim }}"},
    {0, "{{ ('\\t'*1000000).expandtabs(1000) }}"},
    {0, "{{ ('ab'*1000000).count('aba') }}{{ ('a'*2000000).count('a'*1000000 ~ 'b') }}"},
    {0, "{{ ('a'*1000000).rindex('b'*500000) }}"},
    {0, "{{ ('a'*300000).rsplit('ab'*1000)|length }}{{ ('a'*3000000).rpartition('ba') }}"},
    {0, "{% for i in range(99999) %}{% for j in range(99999) if false %}{% endfor %}{% endfor %}"},
    {0, "{% set x %}{% for i in range(99999) %}{{ 'y'*90 }}{% endfor %}{% endset %}{{ x ~ x ~ x }}"},
    {0, "{{ ([[[[1]]]]*10000)|tojson(indent=1000) }}"},
    {0, "{{ [1]*1000000 }}"},
    {0, "{{ (range(99999)|list ~ '')*10 }}"},
    {0, "{% for a in [1] recursive %}{{ loop([1,1]) }}{% endfor %}"},
    {0, "{{ {}|map('map','map') }}{{ ['a']|map('map','upper')|map('list')|list|map('join')|list*1000000 }}"},
    {0, "{{ joiner('x'*1000000)() }}{{ cycler(*range(65000)).next() }}{{ lipsum(n=10**9) }}"},
    {0, "{{ x is divisibleby 0 }}{{ 5 is divisibleby 0 }}"},
    {0, "{{ ''.join(['x'*100000]*1000) }}"},
    {0, "{{ ('x'*100000)|list|join('y'*100000) }}"},
    {0, "{{ ('1'*1000000)|int }}{{ ('1'*1000000)|float }}{{ ('0'*4000000)|int }}"},
    {0, "{{ (1.5)|round(400) }}{{ 1e308|round(-400) }}{{ '%.1000f' % 1e308 }}"},
    {0, "{{ (10**18)|filesizeformat }}{{ 1e300|filesizeformat }}{{ ('9'*100000)|filesizeformat }}"},
    /* Recursion without an end. */
    {0, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"},
    {0, "{% macro m(n) %}{{ m(n + 1) ~ m(n + 1) }}{% endmacro %}{{ m(0) }}"},
    {0, "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(50) }}"},
    {0, "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"},
    {0, "{% macro m(x=m()) %}{{ x }}{% endmacro %}{{ m() }}"},
    {0, "{% macro m() %}{{ caller() }}{% endmacro %}{% macro r() %}{% call m() %}{{ r() }}{% endcall %}{% endmacro "
        "%}{{ r() }}"},
    {0,
     "{% macro m() %}{% filter upper %}{% set x %}{{ m() }}{% endset %}{{ x }}{% endfilter %}{% endmacro %}{{ m() }}"},
    {0, "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}"},
    {0, "{% for a in [1, 2] recursive %}{{ loop([1, 2]) ~ loop([1, 2]) }}{% endfor %}"},
    {0, "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}{{ ns == ns }}"},
    {0, "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}"},
    {0, "{% set ns = namespace() %}{% set ns.x = {'a': ns} %}{{ ns.x|string }}"},
    {0, "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}"},
    {0,
     "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|tojson }}"},
    {0, "{% set ns = namespace(l=[], m=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% set ns.m = [ns.m] %}"
        "{% endfor %}{{ ns.l == ns.m }}"},
    {0,
     "{% set ns = namespace(l=(), m=()) %}{% for i in range(99999) %}{% set ns.l = (ns.l,) %}{% set ns.m = (ns.m,) %}"
     "{% endfor %}{{ ns.l < ns.m }}{{ {ns.l: 1} }}"},
    {700,
     "{% set ns = namespace(l='a') %}{% for i in range(700) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|map('map'",
     ", 'map'", ", 'upper')|list }}"},
    {700, "{{ 'a'|map('map'", ", 'select'", ")|list }}"},
    /* Sources that are deep or long. */
    {10000, "{{ ", "(", "1", ")", " }}"},
    {10000, "{{ ", "[", "1", "]", " }}"},
    {10000, "{{ ", "{'a': ", "1", "}", " }}"},
    {10000, "{{ ", "not ", "1", "", " }}"},
    {10000, "{{ ", "-", "1", "", " }}"},
    {10000, "{{ ", "f(", "1", ")", " }}"},
    {10000, "{{ x", "[x", "", "]", " }}"},
    {10000, "{{ x", "|default(x", "", ")", " }}"},
    {10000, "{{ x", " is in(x", "", ")", " }}"},
    {10000, "{{ 1", " if 1 else 1", "", "", " }}"},
    {190, "{{ ", "(", "1", ")", " }}"},
    {150, "", "{% if 1 %}", "x", "{% endif %}", ""},
    {190, "{{ ", "not [", "x", "]", " }}"},
    {10000, "", "{% if 1 %}", "x", "{% endif %}", ""},
    {10000, "", "{% for i in [1] %}", "x", "{% endfor %}", ""},
    {10000, "", "{% macro m() %}", "x", "{% endmacro %}", ""},
    {10000, "", "{% set x %}", "x", "{% endset %}", ""},
    {10000, "", "{% filter upper %}", "x", "{% endfilter %}", ""},
    {10000, "", "{% with %}", "x", "{% endwith %}", ""},
    {10000, "", "{% call m() %}", "x", "{% endcall %}", ""},
    {10000, "{% if 0 %}", "{% elif 0 %}", "{% endif %}", "", ""},
    {10000, "{{ x", ".x", "", "", " }}"},
    {10000, "{{ x", "[0]", "", "", " }}"},
    {10000, "{{ x", "|upper", "", "", " }}"},
    {10000, "{{ x", "()", "", "", " }}"},
    {10000, "{{ 1", " + 1", "", "", " }}"},
    {10000, "{{ 1", " ~ 1", "", "", " }}"},
    {10000, "{{ 1", " and 1", "", "", " }}"},
    {10000, "{{ 1", " < 1", "", "", " }}"},
    {10000, "{{ 1", " ** 1", "", "", " }}"},
    {100000, "{{ [1", ", 1", "]|length", "", " }}"},
    {80000, "{{ {1: 1", ", 1: 1", "}|length", "", " }}"},
    {50000, "{{ f(1", ", a=1", ")", "", " }}"},
    {20000, "{% macro m(a", ", b", ") %}{% endmacro %}", "", ""},
    {50000, "{% set a", ", a", " = 1 %}", "", ""},
    {100000, "{{ x", "{{ x", "", "", ""},
    {100000, "", "{{x}}", "", "", ""},
    {100000, "", "{%", "", "", ""},
    {100000, "", "{#", "", "", ""},
    {100000, "", "{# #}", "", "", ""},
    {50000, "", "{% raw %}", "", "", ""},
    {50000, "{% raw %}", "{%- endraw ", "", "", ""},
    {50000, "{% raw %}", "{%          ", "", "", ""},
    {400000, "", " ", "{%- if 1 %}", " ", "{% endif %}"},
    {100000, "", "  \n", "", "{{- 1 }}", ""},
    {400000, "{{ '", "x", "' }}", "", ""},
    {100000, "{{ '", "\\\\", "' }}", "", ""},
    {400000, "{{ ", "9", " }}", "", ""},
    {400000, "{{ 1.", "9", " }}", "", ""},
    {400000, "{{ ", "x", " }}", "", ""},
    {100000, "{{ ", "'a' ", " }}", "", ""},
    {400000, "", "x", "", "", ""},
    {5000000, "", "x", "", "", ""},
    {100000, "", "\r", "", "\r\n", ""},
    {1000, "", "{{ '\\N{BULLET}' }}", "", "", ""},
    {1000, "{{ x", " is y", "", "", " }}"},
};

static void add(struct buf *out, const char *text, int times)
{
    for (int i = 0; text && i < times; i++)
        buf_str(out, str_of(text));
}

static void *render(void *source)
{
    struct hob_error err = {0};
    struct rendered rendered = {0};
    json_t *variables = json_object();
    struct render_input input = {.variables = variables, .now = 1700000000, .max_steps = SANITIZED ? 300000 : 0};
    struct template *template = template_parse(buf_view(source), &err);
    if (template)
        template_render(template, &input, &rendered, &err);
    rendered_clear(&rendered);
    template_free(template);
    json_decref(variables);
    /* A failure has a line of text, which names the template; a message of its own is the template's affair. */
    bool named = err.status == HOB_OK || err.text[0];
    return (void *)(intptr_t)(named ? EXIT_TEXT + (int)err.status : 0);
}

/* In a process of its own, on a thread with a small stack: its exit code, milliseconds of the processor and KiB. */
static int run_apart(struct buf *source, double *ms, long *kib)
{
    pid_t child = fork();
    if (child == 0) {
        pthread_attr_t attributes;
        pthread_t thread;
        void *result = NULL;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        if (pthread_create(&thread, &attributes, render, source) != 0)
            _exit(1);
        pthread_join(thread, &result);
        _exit((int)(intptr_t)result);
    }
    int status = 0;
    struct rusage usage = {0};
    wait4(child, &status, 0, &usage);
    *ms = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
    *kib = usage.ru_maxrss;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool in_time(double ms)
{
    return ms <= MAX_MS || ms <= MAX_MS * slowness();
}

static void hostile_templates_end(void **state)
{
    (void)state;
    size_t n = sizeof hostiles / sizeof *hostiles, failed = 0;
    assert_true(n >= 150);
    for (size_t i = 0; i < n; i++) {
        const struct hostile *h = &hostiles[i];
        struct buf source = {0};
        add(&source, h->head, 1);
        add(&source, h->piece, h->n);
        add(&source, h->middle, 1);
        add(&source, h->tail, h->n);
        add(&source, h->end, 1);
        double ms;
        long kib;
        int code = run_apart(&source, &ms, &kib);
        bool fast = in_time(ms);
        for (int k = 1; k < TRIES && !fast; k++) { /* the machine may be busy */
            code = run_apart(&source, &ms, &kib);
            fast = in_time(ms);
        }
        bool ended = code >= EXIT_TEXT, small = SANITIZED || kib <= MAX_KIB;
        if (!ended || !fast || !small || getenv("VERBOSE"))
            print_message("# %s%s%s...: code %d, %.0f ms, %ld KiB\n", h->head, h->piece ? h->piece : "",
                          h->middle ? h->middle : "", code, ms, kib);
        failed += !ended || !fast || !small;
        buf_clear(&source);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_templates_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
