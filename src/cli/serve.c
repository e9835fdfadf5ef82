/* SPDX-License-Identifier: Apache-2.0
 *
 * hob serve: the server, until SIGTERM.
 */
#include <malloc.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/seal.h"
#include "server/limits.h"
#include "server/server.h"
#include "store/collect.h"
#include "wall/keeper.h"

enum { DEFAULT_PARALLEL = 4, DEFAULT_KEEP_ALIVE_S = 300 };

/* A setting: the option, or what the environment says. */
static const char *setting(const struct args *args, const char *option, const char *variable, const char *other)
{
    if (args_own(args, option)->given)
        return args_own(args, option)->text;
    const char *value = getenv(variable);
    value = value && *value ? value : other ? getenv(other) : NULL;
    return value && *value ? value : NULL;
}

/* keep_alive of the environment may be bare seconds. */
static bool read_keep_alive(const char *text, double *seconds, struct hob_error *err)
{
    char *end;
    *seconds = DEFAULT_KEEP_ALIVE_S;
    if (!text)
        return true;
    double number = strtod(text, &end);
    if (*text && !*end && number <= 9e9) {
        *seconds = number;
        return true;
    }
    return duration_read(text, seconds) ||
           error_set(err, HOB_USAGE, "--keep-alive: found \"%.40s\", want seconds, or a duration like 10m or 1h30m",
                     text);
}

/* A second signal. */
static volatile sig_atomic_t hurried;

static void on_signal(int number)
{
    (void)number;
    hurried = 1;
}

static bool in_a_hurry(void)
{
    return hurried != 0;
}

/* Waits for the first signal, from when on the handler of this file takes them, or for the end of the keeper, without
 * which no name is found. False for the latter. */
static bool wait_for_end(struct hob_error *err)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct pollfd wait[] = {{.fd = interrupt_fd(), .events = POLLIN}, {.fd = keeper_channel()}};
    bool kept = true;
    sigemptyset(&action.sa_mask);
    while (!interrupt_pending() && kept) {
        poll(wait, 2, 1000);
        kept = !(wait[1].revents & POLLHUP) || error_set(err, HOB_DISK, "the keeper, which opens files, is gone");
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    return kept;
}

static bool raise_walls(void *user, int listener, const char *socket_path, struct hob_error *err)
{
    return (!socket_path || keeper_grant_socket(socket_path, err)) && seal(user, listener, err);
}

/* Sets the limits that --limit names. */
static bool set_limits(const struct option_list *list, struct hob_error *err)
{
    bool good = true;
    for (size_t i = 0; good && i < list->n; i++)
        good = limits_set(list->texts[i], err);
    return good;
}

static bool serve_run(struct args *args, struct hob_error *err)
{
    size_t parallel = options_find(STR("parallel"));
    const struct option_value *queue_s = args_own(args, "queue-time");
    struct server_options options = {
        .listen = setting(args, "listen", "HOB_HOST", NULL),
        .key_file = args_own(args, "key-file")->text,
        .certificate = args_own(args, "tls-cert")->text,
        .private_key = args_own(args, "tls-key")->text,
        .allow_no_key = args_own(args, "allow-no-key")->flag,
        .allow_no_tls = args_own(args, "allow-no-tls")->flag,
        .origins = args_own(args, "allow-origin")->list,
        .options = &args->options,
        .lenient = args_own(args, "lenient")->flag,
        .metrics = args_own(args, "metrics")->flag,
        .seal = raise_walls,
        .user = args,
    };
    if (!options.certificate != !options.private_key)
        return error_set(err, HOB_USAGE, "--tls-cert and --tls-key go together");
    if (!set_limits(&args_own(args, "limit")->list, err))
        return false;
    options.queue_s = queue_s->given ? queue_s->f : (double)limits[LIMIT_QUEUE_S].value;
    limits[LIMIT_QUEUE_S].value = (long long)ceil(options.queue_s);
    if (!args->options.values[parallel].given)
        args->options.values[parallel].i = DEFAULT_PARALLEL;
    if (!read_keep_alive(setting(args, "keep-alive", "HOB_KEEP_ALIVE", "OLLAMA_KEEP_ALIVE"), &options.keep_alive_s,
                         err))
        return false;
    mallopt(M_ARENA_MAX, 4); /* memory that one thread has freed serves the others */
    interrupt_catch();
    collect_old();
    struct server *server = server_start(&options, err);
    if (!server)
        return false;
    if (*server_notice(server))
        message("%s", server_notice(server));
    message("listening on %s", server_address(server));
    bool good = wait_for_end(err);
    message("stopping; replies in flight have %lld seconds, a second signal ends them now",
            limits[LIMIT_DRAIN_S].value);
    server_drain(server, (double)limits[LIMIT_DRAIN_S].value, in_a_hurry);
    server_stop(server);
    return good;
}

static const struct option own_options[] = {
    {"listen", 0, OPTION_TEXT, OPTION_MACHINE, 0, 0, "HOST:PORT|unix:PATH", NULL,
     "where it listens (default: $HOB_HOST, else 127.0.0.1:11434)"},
    {"key-file", 0, OPTION_TEXT, OPTION_MACHINE, 0, 0, "FILE", NULL,
     "keys of \"hob key\", of which a client must show one; a must where others than this machine can reach it"},
    {"tls-cert", 0, OPTION_TEXT, OPTION_MACHINE, 0, 0, "FILE", NULL, "the certificate of TLS, PEM; with --tls-key"},
    {"tls-key", 0, OPTION_TEXT, OPTION_MACHINE, 0, 0, "FILE", NULL, "its private key"},
    {"allow-no-key", 0, OPTION_FLAG, OPTION_MACHINE, 0, 0, NULL, NULL, "let whoever can reach it use it"},
    {"allow-no-tls", 0, OPTION_FLAG, OPTION_MACHINE, 0, 0, NULL, NULL, "let whoever is on the way read along"},
    {"allow-origin", 0, OPTION_LIST, OPTION_MACHINE, 0, 0, "ORIGIN", NULL,
     "let pages of this origin (https://host:port) use it; may be given again"},
    {"limit", 0, OPTION_LIST, OPTION_MACHINE, 0, 0, "NAME=N", NULL,
     "set a limit of \"hob limits\"; may be given again"},
    {"keep-alive", 0, OPTION_TEXT, OPTION_MACHINE, 0, 0, "T", NULL,
     "how long an unused model stays in memory: 10m, 1h30m, seconds; below 0: for ever (default: 5m)"},
    {"queue-time", 0, OPTION_FLOAT, OPTION_MACHINE, 0, 86400, "SECONDS", NULL,
     "how long a request waits for a place before it is told to come back (default: 600)"},
    {"lenient", 0, OPTION_FLAG, OPTION_MACHINE, 0, 0, NULL, NULL,
     "pass over fields of requests that are not known, instead of refusing them"},
    {"metrics", 0, OPTION_FLAG, OPTION_MACHINE, 0, 0, NULL, NULL, "serve /metrics, for Prometheus"},
    {0},
};

static const struct example examples[] = {
    {"hob serve", "for the clients of Ollama, OpenAI and Anthropic, on this machine"},
    {"hob serve --listen 0.0.0.0:8080 --key-file keys --tls-cert c.pem --tls-key k.pem", "for others, who know a key"},
    {"hob serve --parallel 16 --ctx 4096", "sixteen replies at once"},
    {0},
};

const struct command serve_command = {
    .name = "serve",
    .summary = "Serves models to the clients of Ollama, OpenAI and Anthropic",
    .usage = "[--listen HOST:PORT]",
    .help = "The models are those of \"hob list\"; one is loaded when it is first asked for, and leaves memory when "
            "nobody has used it for --keep-alive, or when another needs its place. It is ready when it prints "
            "\"listening on\" to standard error, and ends at SIGTERM, when replies in flight have ended.\n\n"
            "A reply is the same, byte for byte, as that of hob run with the same options, whoever else is served. "
            "docs/serve.md says what each client needs, and which fields are honoured.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_MACHINE,
    .wall = WALL_LATER,
    .run = serve_run,
};
