/* What can be said of a disk: the table. */
#include "ide/disk.h"

#include "ide/ata.h"

#define ROW(field) offsetof(struct disk_params, field)

const struct tb_param disk_table[] = {
    TB_MEDIUM_ROWS(ROW(medium)),
    {"overhead", TB_TIME, ROW(overhead), .def = "0ns", .max = "1000s",
     .doc = "of every command, before anything else"},
    {"flush", TB_TIME, ROW(flush), .def = "0ns", .max = "1000s", .doc = "of FLUSH CACHE"},
    {"reset", TB_TIME, ROW(reset), .def = "0ns", .max = "1000s",
     .doc = "how long the drive is busy after a reset"},
    {"mode", TB_ENUM, ROW(mode), .def = "udma5", .names = ata_mode_names,
     .doc = "fastest transfer mode, selected at power-on"},
    {"model", TB_STRING, ROW(model), .def = "TOLLBRIDGE DISK",
     .doc = "IDENTIFY DEVICE: 40 letters"},
    {"serial", TB_STRING, ROW(serial), .def = "TB00001", .doc = "IDENTIFY DEVICE: 20 letters"},
    {"firmware", TB_STRING, ROW(firmware), .def = "1.0", .doc = "IDENTIFY DEVICE: 8 letters"},
    {.name = NULL},
};
