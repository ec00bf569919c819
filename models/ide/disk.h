/* The parameters of a disk: its medium's (medium/medium.h), and the drive's own. */
#ifndef IDE_DISK_H
#define IDE_DISK_H

#include "medium/medium.h"

struct disk_params {
    struct tb_medium_params medium;
    tb_time overhead, flush, reset;
    unsigned mode; /* index in ata_modes */
    const char *model, *serial, *firmware;
};

/* The table that fills it (rows for `disk0:` and so on). */
extern const struct tb_param disk_table[];

#endif
