/* The medium: base contents, overlay, bad sectors, the arm and the platter. */
#include "medium/medium.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, FAN_BITS = 9, FAN = 1 << FAN_BITS };

const char *const tb_medium_write_backs[] = {"discard", "file", NULL};
const char *const tb_medium_patterns[] = {"zero", "counter", "mix64", NULL};
const char *const tb_medium_bit7s[] = {"keep", "set", "clear", NULL};
static const char *const ops[] = {"any", "read", "write", NULL};

#define ERR(field) offsetof(struct tb_medium_error, field)
const struct tb_param tb_medium_error_table[] = {
    {"op", TB_ENUM, ERR(op), .def = "any", .names = ops, .doc = "which accesses fail"},
    {"lba", TB_COUNT, ERR(lba), .flags = TB_REQUIRED, .doc = "the first bad sector"},
    {"count", TB_COUNT, ERR(count), .def = "1", .min = "1", .doc = "how many sectors are bad"},
    {.name = NULL},
};

#define SEEK(field) offsetof(struct tb_medium_seek, field)
const struct tb_param tb_medium_seek_table[] = {
    {"track", TB_TIME, SEEK(track), .def = "0ns", .max = "10s", .doc = "to the next cylinder"},
    {"average", TB_TIME, SEEK(average), .def = "0ns", .max = "10s",
     .doc = "over a third of the cylinders"},
    {"full", TB_TIME, SEEK(full), .def = "0ns", .max = "10s", .doc = "over all cylinders"},
    {.name = NULL},
};

/* -- Opening --------------------------------------------------------------------------------- */

static bool open_file(struct tb_medium *d, uint64_t *size, char *why)
{
    const struct tb_medium_params *p = d->params;
    struct stat st;

    d->fd = open(p->file, (p->write_back == TB_MEDIUM_TO_FILE ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (d->fd < 0 || fstat(d->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(why, 160, "cannot open: %s", d->fd < 0 ? strerror(errno) : "not a regular file");
        tb_medium_close(d);
        return false;
    }
    if (*size == 0)
        *size = (uint64_t)st.st_size;
    return true;
}

static unsigned levels_for(uint64_t pages)
{
    unsigned levels = 1;

    while (levels < 7 && pages > (uint64_t)1 << (FAN_BITS * levels))
        levels++;
    return levels;
}

void tb_medium_check(const struct tb_medium_params *params, const char *name,
                     const struct tb_node *node, struct tb_diag *diag)
{
    const struct tb_medium_seek *s = &params->seek;

    if (s->track > s->average || s->average > s->full)
        tb_diag_node(diag, node, "seek of '%s': track, average and full must not fall", name);
    if (params->write_back == TB_MEDIUM_TO_FILE && !params->file)
        tb_diag_node(diag, node, "'%s' has no file to write back to", name);
}

bool tb_medium_open(struct tb_medium *d, const struct tb_medium_params *params,
                    void *(*page)(void *, size_t), void *owner, char *why)
{
    uint64_t size = params->size;

    *d = (struct tb_medium){.params = params, .fd = -1, .page = page, .owner = owner};
    if (params->file && !open_file(d, &size, why))
        return false;
    d->sectors = size / TB_SECTOR;
    if (d->sectors == 0) {
        snprintf(why, 160, params->file ? "the file holds no sector" : "needs a size or a file");
        tb_medium_close(d);
        return false;
    }
    d->levels = levels_for(size / PAGE + 1);
    return true;
}

void tb_medium_close(struct tb_medium *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

/* -- Base contents --------------------------------------------------------------------------- */

static uint64_t mix64(uint64_t x)
{
    uint64_t z = x + 0x9E3779B97F4A7C15ull;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static uint8_t pattern_byte(const struct tb_medium_params *p, uint64_t at)
{
    if (p->pattern == TB_MEDIUM_COUNTER)
        return (uint8_t)at;
    return p->pattern == TB_MEDIUM_MIX64 ? (uint8_t)(mix64(p->seed ^ (at & ~7ull)) >> (at & 7) * 8)
                                         : 0;
}

static void fill_pattern(const struct tb_medium_params *p, uint64_t offset, uint8_t *data,
                         size_t length)
{
    static const uint8_t set[] = {0, 0x80, 0};
    static const uint8_t keep[] = {0xff, 0xff, 0x7f};

    for (size_t i = 0; i < length; i++) {
        uint8_t byte = pattern_byte(p, offset + i);
        data[i] = (uint8_t)((byte | set[p->bit7]) & keep[p->bit7]);
    }
}

/* Reads from the host's file; beyond its end there are zeros. */
static bool read_file(const struct tb_medium *d, uint64_t offset, uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = pread(d->fd, data, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0) {
            memset(data, 0, length);
            return true;
        }
        data += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return true;
}

static bool write_file(const struct tb_medium *d, uint64_t offset, const uint8_t *data,
                       size_t length)
{
    while (length > 0) {
        ssize_t n = pwrite(d->fd, data, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return true;
}

static bool read_base(const struct tb_medium *d, uint64_t offset, uint8_t *data, size_t length)
{
    if (d->fd >= 0)
        return read_file(d, offset, data, length);
    fill_pattern(d->params, offset, data, length);
    return true;
}

/* -- Overlay --------------------------------------------------------------------------------- */

/* The overlay's page, or NULL. With `make` it is made, zeroed, and *made says so. */
static uint8_t *overlay_page(struct tb_medium *d, uint64_t page, bool make, bool *made)
{
    void **node = d->root;

    if (!node && make)
        node = d->root = d->page(d->owner, FAN * sizeof(void *));
    for (unsigned level = d->levels; node && level > 0; level--) {
        void **slot = &node[page >> (FAN_BITS * (level - 1)) & (FAN - 1)];
        if (!*slot && make) {
            *slot = d->page(d->owner, level > 1 ? FAN * sizeof(void *) : PAGE);
            *made = level == 1;
        }
        node = *slot;
    }
    return (uint8_t *)node;
}

static bool all_zero(const uint8_t *data, size_t length)
{
    return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

/* Zeros on a page of zeros need no page: the rule of all sparse storage here. */
static bool changes_nothing(struct tb_medium *d, uint64_t page, const uint8_t *data, size_t length)
{
    return d->fd < 0 && d->params->pattern == TB_MEDIUM_ZERO &&
           d->params->bit7 != TB_MEDIUM_BIT7_SET && all_zero(data, length) &&
           !overlay_page(d, page, false, NULL);
}

static bool write_page(struct tb_medium *d, uint64_t offset, const uint8_t *data, size_t length)
{
    uint64_t page = offset / PAGE;
    bool made = false;

    if (changes_nothing(d, page, data, length))
        return true;
    uint8_t *bytes = overlay_page(d, page, true, &made);
    bool ok = !made || length == PAGE || read_base(d, page * PAGE, bytes, PAGE);
    memcpy(bytes + offset % PAGE, data, length);
    return ok;
}

static size_t to_page_end(uint64_t offset, size_t length)
{
    size_t room = PAGE - (size_t)(offset % PAGE);

    return length < room ? length : room;
}

bool tb_medium_read(struct tb_medium *d, uint64_t offset, uint8_t *data, size_t length)
{
    bool ok = true;

    for (size_t n; length > 0; offset += n, data += n, length -= n) {
        n = to_page_end(offset, length);
        const uint8_t *page = overlay_page(d, offset / PAGE, false, NULL);
        if (page)
            memcpy(data, page + offset % PAGE, n);
        else
            ok = read_base(d, offset, data, n) && ok;
    }
    return ok;
}

bool tb_medium_write(struct tb_medium *d, uint64_t offset, const uint8_t *data, size_t length)
{
    bool ok = true;

    if (d->fd >= 0 && d->params->write_back == TB_MEDIUM_TO_FILE)
        return write_file(d, offset, data, length);
    for (size_t n; length > 0; offset += n, data += n, length -= n) {
        n = to_page_end(offset, length);
        ok = write_page(d, offset, data, n) && ok;
    }
    return ok;
}

bool tb_medium_move(struct tb_medium *d, uint64_t offset, uint8_t *data, size_t length, bool write)
{
    uint64_t size = d->sectors * TB_SECTOR;

    if (offset > size || length > size - offset)
        return false;
    return write ? tb_medium_write(d, offset, data, length)
                 : tb_medium_read(d, offset, data, length);
}

uint64_t tb_medium_good(const struct tb_medium *d, enum tb_medium_op op, uint64_t lba,
                        uint64_t count)
{
    const struct tb_medium_error *e = d->params->errors.at;
    uint64_t good = count;

    for (size_t i = 0; i < d->params->errors.count; i++, e++) {
        if (e->op != TB_MEDIUM_ANY && e->op != (unsigned)op)
            continue;
        if (e->lba >= lba && e->lba - lba < good)
            good = e->lba - lba;
        else if (e->lba < lba && lba - e->lba < e->count)
            good = 0;
    }
    return good;
}

/* -- Arm and platter ------------------------------------------------------------------------- */

/* y0 at x0, y1 at x1 (x0 < x1, y0 <= y1), rounded up in between. */
static tb_time between(uint64_t x0, tb_time y0, uint64_t x1, tb_time y1, uint64_t x)
{
    unsigned __int128 rise = (unsigned __int128)(y1 - y0) * (x - x0);

    return y0 + (tb_time)((rise + (x1 - x0) - 1) / (x1 - x0));
}

tb_time tb_medium_seek_time(const struct tb_medium_seek *s, uint64_t distance, uint64_t cylinders)
{
    uint64_t third = cylinders / 3;

    if (distance <= 1)
        return distance ? s->track : 0;
    if (third > 1 && distance <= third)
        return between(1, s->track, third, s->average, distance);
    if (distance + 1 >= cylinders)
        return s->full;
    return third > 1 ? between(third, s->average, cylinders - 1, s->full, distance)
                     : between(1, s->track, cylinders - 1, s->full, distance);
}

/* The first instant >= t at which `sector` of a track comes under the head. Slot k of the platter,
 * counted from time 0, begins at k minutes / (rpm * track): an exact ratio, rounded up only at the
 * end. */
static tb_time rotate_to(const struct tb_medium_params *p, uint64_t sector, tb_time t)
{
    const unsigned __int128 minute = (unsigned __int128)60 * TB_S;
    uint64_t slots = p->rpm * p->track; /* per minute */
    unsigned __int128 slot = ((unsigned __int128)t * slots + minute - 1) / minute;
    uint64_t at = (uint64_t)(slot % p->track);

    slot += (sector + p->track - at) % p->track;
    return (tb_time)((slot * minute + slots - 1) / slots);
}

tb_time tb_medium_access(struct tb_medium *d, uint64_t lba, uint64_t count, tb_time now)
{
    const struct tb_medium_params *p = d->params;
    uint64_t cylinder_sectors = p->track * p->surfaces;
    uint64_t to = lba / cylinder_sectors;
    uint64_t distance = to > d->cylinder ? to - d->cylinder : d->cylinder - to;
    tb_time t = now + p->latency;

    t += tb_medium_seek_time(&p->seek, distance, d->sectors / cylinder_sectors + 1);
    if (p->rpm)
        t = rotate_to(p, lba % p->track, t);
    d->cylinder = (lba + count - 1) / cylinder_sectors;
    return t;
}
