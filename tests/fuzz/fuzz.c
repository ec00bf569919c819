/* Feeds damaged files to the program: fuzz PROGRAM SOURCE SECONDS [SEED]
 *
 * Takes the shipped scenarios, platforms, golden logs and iologs, damages one at a time, and runs
 * the program on it under limits. Whatever a file says, the program must end by itself with one of
 * its four exit statuses: a signal, a sanitizer's report or the time limit is a failure, and the
 * file is kept. The same seed damages the same way.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_FILE       ((size_t)64 << 10) /* larger ones are cut: their beginning is enough */
#define RUN_SECONDS    20
#define SANITIZER_EXIT 99

struct text {
    char *at;
    size_t length;
};

struct fuzz {
    const char *program, *source;
    char folder[256];
    uint64_t random;
    unsigned long runs, failures;
};

/* What a kind of file is damaged for. In the arguments @ stands for the damaged file, % for the
 * original, OUT for a folder to write to, and what begins with $ lies in the folder of damaged
 * copies. */
struct corpus {
    const char *pattern;
    const char *as; /* name of the damaged file in the folder of copies; NULL: the original's */
    const char *program; /* in place of the program, relative to its folder; NULL: the program */
    const char *arguments[8];
};

static const struct corpus corpora[] = {
    {"configs/*.yaml", "configs/mutant.yaml", NULL, {"check", "@"}},
    {"configs/*.yaml",
     "configs/mutant.yaml",
     NULL,
     {"run", "@", "--until", "20us", "--out", "OUT"}},
    {"configs/*.yaml", "configs/mutant.yaml", NULL, {"run", "@", "--until", "1ms", "--out", "OUT"}},
    {"platforms/*.yaml", "platforms/mutant.yaml", NULL, {"check", "@"}},
    {"configs/workloads/mix.iolog",
     NULL,
     NULL,
     {"run", "$configs/replay-strict.yaml", "--until", "20us", "--out", "OUT"}},
    {"tests/golden/*.log", "configs/mutant.log", NULL, {"diff", "%", "@"}},
    {"tests/golden/*.log", "configs/mutant.log", NULL, {"diff", "@", "%"}},
    {"tests/vectors/*/*.jsonl", "configs/mutant.jsonl", "tests/vectors/tollbridge-vectors", {"@"}},
};

/* Words that hurt. */
static const char *const words[] = {
    "0",
    "-1",
    "1",
    "18446744073709551615",
    "0xffffffffffffffff",
    "99999999999999999999999",
    "1e9",
    "0.0001ns",
    "4294967296",
    "4KiB",
    "16EiB",
    "1ps",
    "0ns",
    "213d",
    "1/0MHz",
    "0B/s",
    "{",
    "}",
    "[",
    "]",
    "*a",
    "&a",
    "~",
    "\"",
    "'",
    "null",
    "true",
    "\xff\xfe",
    "\xc3",
    ": ",
    "- ",
    "#",
    "|\n",
    "%s%n",
    "00:1f.7",
    "ff:ff.f",
    "unlimited",
    "none",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint64_t draw(struct fuzz *f, uint64_t n)
{
    uint64_t z = f->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return n ? z % n : 0;
}

static struct text load(const char *path)
{
    struct text t = {calloc(1, 2 * MAX_FILE), 0};
    FILE *file = fopen(path, "rb");
    if (!t.at || !file) {
        perror(path);
        exit(2);
    }
    t.length = fread(t.at, 1, MAX_FILE, file);
    fclose(file);
    return t;
}

/* Puts `put` in the place of `cut` bytes, if the buffer holds that. */
static void replace(struct text *t, size_t at, size_t cut, const char *put, size_t length)
{
    if (at > t->length || t->length + length > 2 * MAX_FILE)
        return;
    if (cut > t->length - at)
        cut = t->length - at;
    memmove(t->at + at + length, t->at + at + cut, t->length - at - cut);
    memcpy(t->at + at, put, length);
    t->length += length - cut;
}

static size_t line_start(const struct text *t, size_t at)
{
    while (at > 0 && t->at[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_length(const struct text *t, size_t start)
{
    size_t end = start;
    while (end < t->length && t->at[end] != '\n')
        end++;
    return end - start + (end < t->length);
}

static void damage_word(struct fuzz *f, struct text *t, size_t at)
{
    size_t end = at;
    while (at > 0 && !strchr(" :,[]{}=\n", t->at[at - 1]))
        at--;
    while (end < t->length && !strchr(" :,[]{}=\n", t->at[end]))
        end++;
    const char *word = words[draw(f, COUNT(words))];
    replace(t, at, end - at, word, strlen(word));
}

static void damage(struct fuzz *f, struct text *t)
{
    size_t at = draw(f, t->length), start = line_start(t, at), length = line_length(t, start);
    char line[4096];
    switch (draw(f, 7)) {
    case 0: /* a bit */
        if (at < t->length)
            t->at[at] ^= (char)(1u << draw(f, 8));
        break;
    case 1: /* a line goes */
        replace(t, start, length, "", 0);
        break;
    case 2: /* a line goes elsewhere as well */
        if (length < sizeof line) {
            memcpy(line, t->at + start, length);
            replace(t, line_start(t, draw(f, t->length)), 0, line, length);
        }
        break;
    case 3: /* the rest goes */
        if (draw(f, 4) == 0)
            t->length = at;
        break;
    case 4: /* indentation */
        replace(t, start, draw(f, 3), "    ", draw(f, 5));
        break;
    default:
        damage_word(f, t, at);
    }
}

/* Paths that an attempt needs room for. */
struct paths {
    char mutant[512], out[512], other[512], program[512], keep[600];
};

static void fill_arguments(const struct fuzz *f, const struct corpus *c, const char *original,
                           struct paths *p, char **arguments)
{
    size_t n = 0;
    snprintf(p->out, sizeof p->out, "%s/out", f->folder);
    snprintf(p->program, sizeof p->program, "%s", f->program);
    if (c->program)
        snprintf(p->program, sizeof p->program, "%.*s%s",
                 (int)(strrchr(f->program, '/') + 1 - f->program), f->program, c->program);
    arguments[n++] = p->program;
    for (size_t i = 0; c->arguments[i]; i++) {
        const char *a = c->arguments[i];
        if (!strcmp(a, "@"))
            a = p->mutant;
        else if (!strcmp(a, "%"))
            a = original;
        else if (!strcmp(a, "OUT"))
            a = p->out;
        else if (a[0] == '$') {
            snprintf(p->other, sizeof p->other, "%s/%s", f->folder, a + 1);
            a = p->other;
        }
        arguments[n++] = (char *)(uintptr_t)a;
    }
    arguments[n] = NULL;
}

static void become(char **arguments)
{
    struct rlimit cpu = {RUN_SECONDS, RUN_SECONDS + 1}, file = {(rlim_t)64 << 20, (rlim_t)64 << 20};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_FSIZE, &file);
    signal(SIGXFSZ, SIG_IGN); /* a full disk is an error of write(), and exit 3 */
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
        _exit(127);
    setenv("ASAN_OPTIONS", "exitcode=99:detect_leaks=0:allocator_may_return_null=1", 1);
    setenv("UBSAN_OPTIONS", "exitcode=99", 1);
    alarm(3 * RUN_SECONDS);
    execv(arguments[0], arguments);
    _exit(127);
}

/* What is wrong with how it ended; NULL: nothing. */
static const char *verdict(int status)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGALRM
                   ? "hangs"
                   : strsignal(WTERMSIG(status));
    if (WEXITSTATUS(status) == SANITIZER_EXIT)
        return "sanitizer's report";
    if (WEXITSTATUS(status) == 127)
        return "the program cannot be run";
    return WEXITSTATUS(status) > 3 ? "exit status above 3" : NULL;
}

static void save(const char *path, const struct text *t)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(t->at, 1, t->length, file) != t->length || fclose(file)) {
        perror(path);
        exit(2);
    }
}

/* One damaged file, one run. It lies in the folder of copies, so that relative paths lead on. */
static void attempt(struct fuzz *f, const struct corpus *c, const char *original)
{
    struct paths p;
    char *arguments[COUNT(c->arguments) + 2];
    const char *as = c->as ? c->as : original + strlen(f->source) + 1;
    snprintf(p.mutant, sizeof p.mutant, "%s/%s", f->folder, as);
    struct text t = load(original);
    for (uint64_t n = 1 + draw(f, 4); n > 0; n--)
        damage(f, &t);
    save(p.mutant, &t);
    free(t.at);
    fill_arguments(f, c, original, &p, arguments);
    pid_t child = fork();
    if (child == 0)
        become(arguments);
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(2);
    }
    f->runs++;
    const char *wrong = verdict(status);
    if (!wrong)
        return;
    snprintf(p.keep, sizeof p.keep, "%s/failure-%lu-%s", f->folder, ++f->failures,
             strrchr(as, '/') + 1);
    if (rename(p.mutant, p.keep) != 0)
        perror(p.keep);
    printf("%s: %s (from %s, for:", wrong, p.keep, original);
    for (size_t i = 1; arguments[i]; i++)
        printf(" %s", arguments[i]);
    printf(")\n");
}

/* A folder with links to what scenarios refer to by relative paths. */
static void make_folder(struct fuzz *f)
{
    static const char *const shared[] = {"tests", "platforms", "configs"};
    const char *base = getenv("TMPDIR");
    snprintf(f->folder, sizeof f->folder, "%s/tollbridge-fuzz-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(f->folder)) {
        perror(f->folder);
        exit(2);
    }
    for (size_t i = 0; i < COUNT(shared); i++) {
        char command[1200];
        snprintf(command, sizeof command,
                 i == 0 ? "ln -s '%s/%s' '%s/%s'" : "cp -r '%s/%s' '%s/%s'", f->source, shared[i],
                 f->folder, shared[i]);
        if (system(command) != 0)
            exit(2);
    }
}

static void remove_folder(const struct fuzz *f)
{
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    if (f->failures == 0 && system(command) != 0)
        perror(f->folder);
}

int main(int count, char **arguments)
{
    if (count < 4 || !strchr(arguments[1], '/')) {
        fprintf(stderr, "usage: fuzz PROGRAM SOURCE SECONDS [SEED]\n");
        return 2;
    }
    struct fuzz f = {.program = arguments[1], .source = arguments[2], .random = 1};
    time_t end = time(NULL) + atol(arguments[3]);
    if (count > 4)
        f.random = strtoull(arguments[4], NULL, 0);
    make_folder(&f);
    glob_t files[COUNT(corpora)] = {0};
    for (size_t i = 0; i < COUNT(corpora); i++) {
        char pattern[512];
        snprintf(pattern, sizeof pattern, "%s/%s", f.source, corpora[i].pattern);
        if (glob(pattern, 0, NULL, &files[i]) != 0)
            files[i].gl_pathc = 0;
    }
    while (time(NULL) < end && f.failures < 20) {
        size_t which = draw(&f, COUNT(corpora));
        if (files[which].gl_pathc)
            attempt(&f, &corpora[which], files[which].gl_pathv[draw(&f, files[which].gl_pathc)]);
    }
    for (size_t i = 0; i < COUNT(corpora); i++)
        globfree(&files[i]);
    remove_folder(&f);
    printf("fuzz: %lu damaged files, %lu failures\n", f.runs, f.failures);
    return f.failures ? 1 : 0;
}
