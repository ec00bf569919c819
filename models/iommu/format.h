/* What a page-table format is to the rest of the IOMMU: how it reads a device's entry, and how it
 * walks.
 *
 * A format is a const object of pure functions: no time, no messages, no memory. The walker reads
 * what the cursor asks for and hands the entry to `step`; so a new format (RISC-V, VT-d, a GART) is
 * one more file.
 */
#ifndef IOMMU_FORMAT_H
#define IOMMU_FORMAT_H

#include "cache/iotlb.h"

#include <stdbool.h>
#include <stdint.h>

/* What a page may be used for, and how. */
enum {
    TB_PERM_READ = 1,
    TB_PERM_WRITE = 2,
    TB_PERM_EXEC = 4,          /* guest pages: executed */
    TB_PERM_USER = 8,          /* guest pages: by unprivileged requests too */
    TB_PERM_UNTRANSLATED = 16, /* devices must not cache it for use (ATS: U) */
    TB_PERM_COHERENT = 32,     /* accesses must snoop (ATS: N) */
    TB_PERM_GLOBAL = 64,       /* guest pages: the same for every PASID */
    TB_PERM_ACCESS = TB_PERM_READ | TB_PERM_WRITE | TB_PERM_EXEC | TB_PERM_USER
};

/* Why a request is refused. event.c has what becomes of each in AMD's event log. */
enum tb_refusal {
    TB_REFUSE_NOTHING,
    TB_REFUSE_NO_DEVICE,        /* requester ID beyond the device table */
    TB_REFUSE_ENTRY_UNREADABLE, /* device table entry could not be read */
    TB_REFUSE_ENTRY_RESERVED,   /* reserved bits set in it */
    TB_REFUSE_ENTRY_LEVEL,      /* reserved paging mode in it */
    TB_REFUSE_NO_TRANSLATION,   /* it says that nothing is translated for the device */
    TB_REFUSE_NOT_ATS,          /* a translated request of a device that may not send any */
    TB_REFUSE_TOO_HIGH,         /* address beyond what the table's depth covers */
    TB_REFUSE_TABLE_UNREADABLE, /* page table entry could not be read */
    TB_REFUSE_ABSENT,           /* entry not present */
    TB_REFUSE_RESERVED,         /* reserved bits set in an entry */
    TB_REFUSE_LEVEL,            /* next level not below the current one */
    TB_REFUSE_SKIPPED,          /* address bits of a skipped level not zero */
    TB_REFUSE_SIZE,             /* coded page size does not fit the level */
    TB_REFUSE_PERMISSION,       /* translated, but this access is not allowed */
    TB_REFUSE_NO_PASID,         /* the device has no address space of that PASID */
    TB_REFUSALS
};

enum tb_context_kind {
    TB_CONTEXT_PASS,     /* not the IOMMU's business: untranslated, unchecked */
    TB_CONTEXT_REFUSE,   /* nothing is let through: `refusal` */
    TB_CONTEXT_IDENTITY, /* untranslated, with the permissions of the entry */
    TB_CONTEXT_TABLE     /* by page table */
};

/* A device's entry, decoded. */
struct tb_context {
    uint64_t root; /* physical address of the topmost table */
    union {
        uint64_t gcr3;  /* of the table of the guest's roots, by PASID */
        uint64_t first; /* flat formats: the first address that the table translates */
    };
    uint16_t domain;
    uint8_t kind;    /* enum tb_context_kind */
    uint8_t refusal; /* enum tb_refusal */
    union {
        uint8_t levels;
        uint8_t bits; /* flat formats: log2 of the bytes it translates */
    };
    uint8_t perm;       /* TB_PERM_*: at most this, whatever the table says */
    bool ats;           /* may send translated requests */
    bool ppr;           /* may ask for pages */
    bool excluded;      /* the exclusion range is for it */
    bool guest;         /* requests with a PASID are translated by the guest's tables first */
    bool guest_default; /* those without one too, as of PASID 0 */
    bool guest_illegal; /* reserved encodings in what says how */
    uint8_t guest_levels, gcr3_levels;
    bool silent;      /* page faults make no events */
    bool silent_next; /* page faults after the first make no events */
};

/* A walk, between two reads. */
struct tb_cursor {
    uint64_t iova;
    uint64_t table;      /* of the level to be read next */
    uint8_t level;       /* 1 is the one with the smallest pages */
    uint8_t perm;        /* what the levels so far allow */
    uint8_t refusal;     /* enum tb_refusal, after TB_STEP_REFUSED */
    struct tb_page page; /* after TB_STEP_PAGE */
};

enum tb_step { TB_STEP_READ, TB_STEP_PAGE, TB_STEP_REFUSED };

struct tb_format {
    const char *name;
    unsigned number;        /* fact "iommu.format" */
    unsigned entry_bytes;   /* of a table's entry: 8 or 4 */
    bool big_endian;        /* its bytes (of 4 only) */
    unsigned context_bytes; /* of a device's entry in memory, at most 32; 0: there are none */
    void (*context)(const uint8_t *bytes, struct tb_context *out);

    /* Starts a walk at the root: TB_STEP_READ or TB_STEP_REFUSED. */
    enum tb_step (*begin)(const struct tb_context *context, uint64_t iova, struct tb_cursor *out);

    /* Where the entry to be read next lies. */
    uint64_t (*where)(const struct tb_cursor *cursor);

    /* Goes on with the entry that was read there. After TB_STEP_READ level and table are those of
     * the next table. */
    enum tb_step (*step)(struct tb_cursor *cursor, uint64_t entry);

    /* log2 of the bytes that one table of a level maps: two addresses that agree above have the
     * same table. */
    unsigned (*span)(unsigned level);
};

extern const struct tb_format tb_format_amdvi;

/* Flat formats: one table of one level for everybody, of which registers tell. They have no
 * device's entries (`context` is NULL). */
extern const struct tb_format tb_format_sun4m, tb_format_gart;

/* Guests' tables: has no device's entries of its own (context is NULL). `begin` leaves the root to
 * whoever found it; levels are context.guest_levels. */
extern const struct tb_format tb_format_x86;

#endif
