/* What an `expect` step says: expect.c reads it, expect_check.c looks whether it holds. */
#ifndef HOST_EXPECT_H
#define HOST_EXPECT_H

#include "host.h"

#include <nettle/sha2.h>

#define SHA256_DIGITS (2 * SHA256_DIGEST_SIZE)

/* Bytes somewhere: in memory, or on a drive. */
struct expect_place {
    uint64_t at; /* address, or byte offset on the drive */
    struct tb_model *drive_of;
    char storage[16];
};

struct expect_disk_place {
    const char *device;
    uint64_t drive, lba;
};

struct expect_content {
    uint64_t at, size, lba, sectors, seed, offset, drive;
    const char *device, *sha256;
    struct tb_items numbers[4]; /* u8 u16 u32 u64 */
    unsigned pattern;
    struct expect_disk_place equals_disk;
    bool given, has_size, has_pattern, has_offset, has_equals_disk;
    struct expect_place place, other;
    uint8_t *bytes; /* the numbers', in memory order */
};

struct expect_bounds {
    uint64_t count, min, max;
    bool has_count, has_min, has_max;
};

struct register_expect {
    bool given;
    const char *name;
    uint64_t value, mask;
    struct host_register target;
};

struct log_expect {
    bool given;
    unsigned kind, status;
    struct expect_bounds bounds;
};

struct events_expect {
    bool given;
    const char *iommu;
    unsigned code;
    struct expect_bounds bounds;
    struct {
        bool given;
        uint64_t index;
        struct tb_items q, mask;
    } record;
    struct host_iommu *unit;
};

struct counter_expect {
    bool given;
    const char *of, *name;
    struct expect_bounds bounds;
};

struct latency_expect {
    bool given, has_min, has_max, has_mean_min, has_mean_max;
    unsigned kind;
    tb_time min, max, mean_min, mean_max;
};

struct safety_expect {
    bool given, has_window, has_late;
    unsigned what;
    struct expect_bounds bounds;
    tb_time window, late;
};

struct expect_args {
    struct safety_expect safety;
    struct expect_content memory, disk;
    struct register_expect reg;
    struct log_expect log;
    struct events_expect events;
    struct counter_expect counter;
    struct latency_expect latency;
};

extern const char *const expect_kind_names[];   /* enum tb_txn_kind */
extern const char *const expect_status_names[]; /* enum tb_status */
extern const char *const expect_safety_names[];
extern const char *const expect_code_names[]; /* of AMD's events */

/* The step: looks at all that is given, and complains of what does not hold. */
enum host_verdict expect_run(struct host *h, struct host_step *s, tb_time when);

#endif
