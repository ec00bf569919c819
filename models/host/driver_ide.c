/* The driver of a bus-master IDE channel, as a PC's operating system has it: PRD table in memory,
 * task file, bus master, interrupt handler. (Bus Master IDE 1.0, section 3.1, gives the order;
 * ATA/ATAPI-6, 9.7, the DMA protocol.)
 */
#include "host.h"
#include "isa.h"

#include "spec/ata.h"
#include "spec/bmide.h"

bool ide_reserve(struct host *h, struct host_channel *c, const struct tb_node *node,
                 struct tb_diag *diag)
{
    if (!c->prd_at && host_begin_memory(h))
        c->prd_at = host_memory(h, HOST_PRD_TABLE, HOST_PRD_TABLE);
    if (!c->prd_at)
        tb_diag_node(diag, node,
                     "the driver has no memory for a PRD table: see 'driver_memory' of '%s'",
                     h->m->name);
    if (c->prd_at && !c->prd_bus) {
        struct host_iommu *u = c->device->iommu;
        c->prd_bus = c->prd_at;
        c->prd_direct = !u || !u->format->place(h, u, c->prd_at, HOST_PRD_TABLE, &c->prd_bus);
    }
    return c->prd_at != 0;
}

uint32_t ide_table_bus(const struct host_channel *c)
{
    bool translated = c->device->attached && c->device->mode == HOST_TRANSLATE;
    return (uint32_t)(translated ? c->prd_bus : c->prd_at);
}

uint8_t ide_opcode(bool write, bool lba48)
{
    static const uint8_t opcodes[2][2] = {{ATA_READ_DMA, ATA_READ_DMA_EXT},
                                          {ATA_WRITE_DMA, ATA_WRITE_DMA_EXT}};
    return opcodes[write][lba48];
}

void ide_put_prd(struct host *h, uint64_t at, uint32_t address, uint32_t bytes, bool last)
{
    uint64_t second = (bytes & 0xffff) | (last ? BMIDE_PRD_EOT : 0);
    host_store(h, at, address | second << 32, 8);
}

enum host_verdict ide_map_table(struct host *h, struct host_channel *c, uint64_t bytes,
                                struct table_job *job, const struct tb_node *node, tb_time when)
{
    uint64_t pages = (bytes + HOST_PAGE - 1) / HOST_PAGE;
    struct host_device *d = c->device;
    if (!d->attached || d->mode != HOST_TRANSLATE || c->prd_direct || pages <= c->prd_pages_mapped)
        return HOST_DONE;
    if (!job->domain) {
        uint64_t done = c->prd_pages_mapped * HOST_PAGE, start = c->prd_bus + done;
        *job = (struct table_job){.domain = d->domain,
                                  .start = start,
                                  .iova = start,
                                  .pa = c->prd_at + done,
                                  .last = c->prd_bus + pages * HOST_PAGE - 1,
                                  .page = HOST_PAGE,
                                  .permissions = HOST_MAY_READ,
                                  .node = node};
    }
    const char *wrong = table_step(h, job, when);
    if (wrong)
        host_complain(h, node, when, "the PRD table of '%s' cannot be mapped: %s", d->model->name,
                      wrong);
    if (!wrong && !job->over)
        return HOST_AGAIN;
    c->prd_pages_mapped = pages;
    *job = (struct table_job){0};
    return HOST_AGAIN;
}

/* -- Issuing ----------------------------------------------------------------------------------- */

static void write_register(struct host *h, const struct host_channel *c, enum ide_register r,
                           uint64_t value)
{
    host_write(h, c->registers[r], value & (c->registers[r].size == 4 ? 0xffffffff : 0xff));
}

/* The five address registers; for a 48-bit command the high halves go first. */
static void write_address(struct host *h, const struct host_channel *c, const struct ide_command *k)
{
    if (k->lba48) {
        write_register(h, c, IDE_NSECT, k->sectors >> 8);
        write_register(h, c, IDE_LBAL, k->lba >> 24);
        write_register(h, c, IDE_LBAM, k->lba >> 32);
        write_register(h, c, IDE_LBAH, k->lba >> 40);
    }
    write_register(h, c, IDE_NSECT, k->sectors);
    write_register(h, c, IDE_LBAL, k->lba);
    write_register(h, c, IDE_LBAM, k->lba >> 8);
    write_register(h, c, IDE_LBAH, k->lba >> 16);
}

/* Bus Master IDE 3.1: 2. table, direction, status bits cleared; 3. the command to the drive; 4.
 * start. */
void ide_issue(struct host *h, struct host_channel *c, const struct ide_command *command)
{
    const struct ide_command *k = command;
    uint8_t direction = k->to_memory ? BMIDE_TO_MEMORY : 0;
    uint64_t high = k->lba48 ? 0 : k->lba >> 24 & ATA_DEV_HEAD;
    c->command = *command;
    c->busy = true;
    c->issued++;
    h->count.commands++;
    if (k->dma && c->isa) {
        isa_program(h, c, k);
    } else if (k->dma) {
        write_register(h, c, IDE_BMIDTP, k->table);
        write_register(h, c, IDE_BMICOM, direction);
        write_register(h, c, IDE_BMISTA,
                       BMIDE_ERROR | BMIDE_INTERRUPT | (c->bm_status & BMIDE_CAPABLE));
    }
    write_register(h, c, IDE_DEVICE,
                   ATA_DEV_ONES | ATA_DEV_LBA | (k->drive & 1 ? ATA_DEV_DEV : 0) | high);
    write_register(h, c, IDE_FEATURES, k->features);
    write_address(h, c, k);
    write_register(h, c, IDE_COMMAND, k->opcode);
    if (k->dma && k->start && !c->isa)
        write_register(h, c, IDE_BMICOM, direction | BMIDE_START);
}

/* -- Ending ------------------------------------------------------------------------------------ */

enum { FINISH_AWAITS_NOTHING, FINISH_AWAITS_BM_STATUS, FINISH_AWAITS_STATUS, FINISH_AWAITS_ERROR };

static bool has_failed(const struct host_channel *c)
{
    uint8_t bad = ATA_BSY | ATA_DF | ATA_ERR | (c->command.data_in ? 0 : ATA_DRQ);
    return c->status & bad || (c->command.dma && c->bm_status & BMIDE_ERROR);
}

static void judge(struct host *h, struct host_channel *c, tb_time when)
{
    const struct ide_command *k = &c->command;
    bool failed = has_failed(c);
    h->count.command_errors += failed;
    c->failed = failed;
    if (k->wanted == IDE_ANY || failed == (k->wanted == IDE_FAILS))
        return;
    host_complain(
        h, k->node, when,
        "command 0x%02x of '%s' %s: status 0x%02x, error 0x%02x, bus-master status 0x%02x",
        k->opcode, c->device->model->name, failed ? "failed" : "was to fail and did not",
        (unsigned)c->status, (unsigned)c->error, (unsigned)c->bm_status);
}

static enum host_verdict finished(struct host *h, struct host_channel *c,
                                  const struct finish_job *job, tb_time when)
{
    c->bm_status = job->bm_status;
    c->status = job->status;
    c->error = job->status & ATA_ERR ? job->error : 0;
    c->busy = false;
    c->finished++;
    judge(h, c, when);
    return HOST_DONE;
}

enum host_verdict ide_finish(struct host *h, struct host_channel *c, struct finish_job *job,
                             bool forced, tb_time when)
{
    if (!c->busy)
        return HOST_DONE;
    switch (job->phase) {
    case FINISH_AWAITS_NOTHING:
        if (c->isa) { /* a line of its own: reading the status is enough */
            if (c->command.dma)
                isa_stop(h, c);
            host_read(h, c->registers[IDE_STATUS], &job->status);
            job->phase = FINISH_AWAITS_STATUS;
            return HOST_AGAIN;
        }
        host_read(h, c->registers[IDE_BMISTA], &job->bm_status);
        job->phase = FINISH_AWAITS_BM_STATUS;
        return HOST_AGAIN;
    case FINISH_AWAITS_BM_STATUS:
        if (!forced && !(job->bm_status & BMIDE_INTERRUPT))
            return HOST_DONE; /* somebody else's interrupt on the same line */
        if (c->command.dma)
            write_register(h, c, IDE_BMICOM, c->command.to_memory ? BMIDE_TO_MEMORY : 0);
        host_read(h, c->registers[IDE_STATUS], &job->status);
        write_register(h, c, IDE_BMISTA,
                       (job->bm_status & BMIDE_CAPABLE) | BMIDE_INTERRUPT | BMIDE_ERROR);
        job->phase = FINISH_AWAITS_STATUS;
        return HOST_AGAIN;
    case FINISH_AWAITS_STATUS:
        if (!(job->status & ATA_ERR))
            return finished(h, c, job, when);
        host_read(h, c->registers[IDE_ERROR], &job->error);
        job->phase = FINISH_AWAITS_ERROR;
        return HOST_AGAIN;
    default:
        return finished(h, c, job, when);
    }
}

/* -- Reset ------------------------------------------------------------------------------------- */

enum { RESET_AWAITS_NOTHING, RESET_AWAITS_PULSE, RESET_AWAITS_PAUSE, RESET_AWAITS_STATUS };

enum host_verdict ide_reset(struct host *h, struct host_channel *c, struct finish_job *job,
                            tb_time when)
{
    switch (job->phase) {
    case RESET_AWAITS_NOTHING: /* ATA/ATAPI-6, 9.2: SRST for at least 5 us */
        write_register(h, c, IDE_CONTROL, ATA_CTL_SRST);
        job->deadline = when + 5 * TB_US;
        job->phase = RESET_AWAITS_PULSE;
        return HOST_AGAIN;
    case RESET_AWAITS_PULSE:
        if (when < job->deadline) {
            host_sleep(h, job->deadline);
            return HOST_WAITS;
        }
        write_register(h, c, IDE_CONTROL, 0);
        job->deadline = when + h->params.timeout;
        job->next = when + 2 * TB_MS; /* before that the status says nothing */
        job->phase = RESET_AWAITS_PAUSE;
        return HOST_AGAIN;
    case RESET_AWAITS_PAUSE:
        if (when < job->next) {
            host_sleep(h, job->next);
            return HOST_WAITS;
        }
        host_read(h, c->registers[IDE_ALTSTATUS], &job->status);
        job->phase = RESET_AWAITS_STATUS;
        return HOST_AGAIN;
    default:
        if (!(job->status & ATA_BSY) || when >= job->deadline)
            return HOST_DONE;
        job->next = when + h->params.poll;
        job->phase = RESET_AWAITS_PAUSE;
        return HOST_AGAIN;
    }
}
