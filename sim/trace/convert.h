/* Converters of traces: one table of formats; each reads a source and writes a file.
 *
 * What every writer can rely on: words and names in a run hold no spaces, quotes, separators or
 * control characters (trace_run.c), so that no format needs to escape them.
 */
#ifndef TB_CONVERT_H
#define TB_CONVERT_H

#include "log/outfile.h"
#include "trace/trace_source.h"

struct tb_converter {
    const char *name;
    bool streams; /* can be written to standard output */
    bool one_run; /* has one axis of time */
    bool by_file; /* writes its own files: `to` is NULL */
    /* Writes all; false: reported to diag (bad input, or the host), or `to` has failed. */
    bool (*write)(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                  struct tb_diag *diag);
};

extern const struct tb_converter tb_converters[];

/* NULL: there is no such format. */
const struct tb_converter *tb_converter_of(const char *name);

bool tb_convert_csv(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                    struct tb_diag *diag);
bool tb_convert_jsonl(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                      struct tb_diag *diag);
bool tb_convert_folded(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                       struct tb_diag *diag);
bool tb_convert_hgrm(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                     struct tb_diag *diag);
bool tb_convert_hlog(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                     struct tb_diag *diag);
bool tb_convert_ctf(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                    struct tb_diag *diag);
bool tb_convert_perfetto(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                         struct tb_diag *diag);
bool tb_convert_vcd(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                    struct tb_diag *diag);
bool tb_convert_fst(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                    struct tb_diag *diag);

/* Lists transactions with their hops, for people. */
bool tb_convert_list(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                     struct tb_diag *diag);

#endif
