/* IDENTIFY DEVICE (ATA/ATAPI-6, 8.16): the fixed words as tables, the rest computed. */
#include "ide/ata.h"

#include <string.h>

struct word {
    uint8_t index;
    uint16_t value;
};

/* ATA/ATAPI-4 to 6; 48-bit addresses, FLUSH CACHE (EXT), power management, write cache, look-ahead.
 */
static const struct word ata_words[] = {
    {0, 0x0040},  {47, 0x8000 | ATA_MULTIPLE_MAX},
    {49, 0x0b00}, {50, 0x4000},
    {51, 0x0200}, {53, 0x0007},
    {64, 0x0003}, {65, 0x0078},
    {66, 0x0078}, {67, 0x0078},
    {68, 0x0078}, {80, 0x0070},
    {82, 0x0068}, {83, 0x7400},
    {84, 0x4000}, {86, 0x3400},
    {87, 0x4000},
};

/* What QEMU's drives say, words that promise SMART, DSM and a 4 KiB buffer included. */
static const struct word qemu_words[] = {
    {0, 0x0040},
    {4, 0x7e00},
    {5, 0x0200},
    {20, 0x0003},
    {21, 0x0200},
    {22, 0x0004},
    {47, 0x8000 | ATA_MULTIPLE_MAX},
    {48, 0x0001},
    {49, 0x0b00},
    {51, 0x0200},
    {52, 0x0200},
    {53, 0x0007},
    {64, 0x0003},
    {65, 0x0078},
    {66, 0x0078},
    {67, 0x0078},
    {68, 0x0078},
    {69, 0x4000},
    {80, 0x00f0},
    {81, 0x0016},
    {82, 0x4021},
    {83, 0x7400},
    {84, 0x4000},
    {86, 0x3400},
    {87, 0x4000},
    {93, 0x6001},
    {106, 0x6000},
    {169, 0x0001},
};

static void put(uint8_t *out, unsigned index, uint64_t value)
{
    out[2 * index] = (uint8_t)value;
    out[2 * index + 1] = (uint8_t)(value >> 8);
}

/* A string: padded with spaces, two letters to a word, the first in the high byte (8.16.8). */
static void put_text(uint8_t *out, unsigned index, size_t letters, const char *text)
{
    size_t length = strnlen(text, letters);

    for (size_t i = 0; i < letters; i++)
        out[2 * index + (i ^ 1)] = i < length ? (uint8_t)text[i] : ' ';
}

static void put_geometry(const struct ata_drive *d, uint8_t *out)
{
    uint64_t sectors = d->disk.sectors, cylinders = sectors / (16 * 63);
    uint64_t low = sectors < ATA_MAX_28 ? sectors : ATA_MAX_28;

    cylinders = cylinders > 16383 ? 16383 : cylinders < 2 ? 2 : cylinders;
    put(out, 1, cylinders);
    put(out, 3, 16);
    put(out, 6, 63);
    put(out, 54, cylinders);
    put(out, 55, d->heads);
    put(out, 56, d->track);
    put(out, 57, cylinders * d->heads * d->track);
    put(out, 58, cylinders * d->heads * d->track >> 16);
    put(out, 60, low);
    put(out, 61, low >> 16);
    for (unsigned i = 0; i < 4; i++)
        put(out, 100 + i, sectors >> 16 * i);
}

/* Modes up to the fastest, and the selected one in the high byte: words 63 (MWDMA) and 88 (UDMA).
 */
static void put_modes(const struct ata_drive *d, uint8_t *out)
{
    const struct ata_mode *best = &ata_modes[d->params->mode], *now = &ata_modes[d->dma];
    unsigned mwdma = best->kind == ATA_KIND_UDMA ? 7 : 0, udma = 0;

    if (best->kind == ATA_KIND_MWDMA)
        mwdma = (2u << best->number) - 1;
    if (best->kind == ATA_KIND_UDMA)
        udma = (2u << best->number) - 1;
    if (now->kind == ATA_KIND_MWDMA)
        mwdma |= 0x100u << now->number;
    if (now->kind == ATA_KIND_UDMA)
        udma |= 0x100u << now->number;
    put(out, 63, mwdma);
    put(out, 88, udma);
    if (d->conform == CONFORM_QEMU)
        put(out, 62, 7); /* single-word modes: retired since ATA-3 */
    else if (best->kind == ATA_KIND_PIO)
        put(out, 49, 0x0a00);
}

static void put_ata(const struct ata_drive *d, uint8_t *out)
{
    uint8_t sum = 0xa5;

    put(out, 85, 0x0008u | (d->write_cache ? 0x20u : 0) | (d->look_ahead ? 0x40u : 0));
    /* Hardware reset result (word 93): 80-wire cable; jumpers set the device number; passed. */
    put(out, 93, d->unit ? 0x6b00 : 0x600b);
    for (unsigned i = 0; i < 510; i++)
        sum = (uint8_t)(sum + out[i]);
    put(out, 255,
        0xa5u | (unsigned)(uint8_t)(0 - sum) << 8); /* all 512 bytes add up to 0 (8.16.60) */
}

void ata_identify(const struct ata_drive *d, uint8_t *out)
{
    bool qemu = d->conform == CONFORM_QEMU;
    const struct word *words = qemu ? qemu_words : ata_words;
    size_t count = qemu ? sizeof qemu_words / sizeof *words : sizeof ata_words / sizeof *words;

    memset(out, 0, ATA_SECTOR);
    for (size_t i = 0; i < count; i++)
        put(out, words[i].index, words[i].value);
    put_text(out, 10, 20, d->params->serial);
    put_text(out, 23, 8, d->params->firmware);
    put_text(out, 27, 40, d->params->model);
    put(out, 59, d->multiple ? 0x100u | d->multiple : 0);
    put_geometry(d, out);
    put_modes(d, out);
    if (qemu)
        put(out, 85, 0x4001u | (d->write_cache ? 0x20u : 0));
    else
        put_ata(d, out);
}
