/* The output folder of a run: what is in it beside the log and the trace.
 *
 *   stats.json stats.csv stats.txt   every figure; the first is what reports are made from
 *   latency.csv breakdown.csv util.csv slowest.txt
 *   platform.resolved.yaml           every value, with where it came from (of run N of several:
 * platform.resolved.N.yaml) manifest.json                    what was run, and the hash of each
 * output
 *
 * Invariants: nothing in it depends on the machine, the time, or where the folder is; each file
 * appears whole or not at all; the manifest comes last, so that a folder with a manifest is
 * complete.
 */
#ifndef TB_FOLDER_H
#define TB_FOLDER_H

#include "log/log.h"
#include "log/outfile.h"
#include "stats/stats.h"

#include <jansson.h>

enum tb_folder_file {
    TB_FOLDER_JSON,
    TB_FOLDER_TEXT,
    TB_FOLDER_CSV,
    TB_FOLDER_LATENCY,
    TB_FOLDER_BREAKDOWN,
    TB_FOLDER_UTIL,
    TB_FOLDER_SLOWEST,
    TB_FOLDER_FILES
};

struct tb_folder {
    char *path; /* NULL: nothing is written */
    struct tb_outfile files[TB_FOLDER_FILES];
    bool stats; /* files are open */
    unsigned runs;
    json_t *run_list; /* of the manifest */
    json_t *outputs;  /* name: {bytes, sha256} */
    char *failed;     /* path of what could not be written, with */
    int error;
};

/* Begins a folder; `stats`: with statistics, not only manifest and platform. */
void tb_folder_open(struct tb_folder *f, const char *path, bool stats);

/* Adds a run that has ended. `st` NULL: no statistics of this one. `summary` is its
 * tb_summary_json. */
void tb_folder_add(struct tb_folder *f, struct tb_sim *sim, struct tb_stats *st,
                   const struct tb_log *log, const json_t *summary);

/* Gives the files their names; `result`: what stands in stats.json beside the runs. */
bool tb_folder_commit(struct tb_folder *f, const json_t *result);

/* Adds a file of the folder to the manifest: hashes it. What is no regular file is left out. */
void tb_folder_output(struct tb_folder *f, const char *name);

/* Writes the manifest: `about`, runs, outputs. False, here and above: f->failed and f->error say
 * why. */
bool tb_folder_manifest(struct tb_folder *f, json_t *about);

/* Frees everything; what was not committed leaves nothing. */
void tb_folder_close(struct tb_folder *f);

#endif
