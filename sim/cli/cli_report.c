/* `tollbridge report`: what the folders of runs hold, drawn. */
#include "cli/cli.h"
#include "report/report.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 100;
}

/* To a file, or to standard output. */
static enum tb_exit write_report(const struct cli_args *args, const struct tb_report *r)
{
    struct tb_outfile out;
    if (args->output)
        tb_outfile_open(&out, args->output);
    else
        tb_outfile_descriptor(&out, STDOUT_FILENO);
    if (args->text)
        tb_report_text(r, &out, !args->output && cli_colour(stdout), columns());
    else
        tb_report_html(r, &out);
    return tb_outfile_commit(&out)
               ? TB_EXIT_OK
               : cli_host(args->output ? args->output : "standard output", out.error);
}

enum tb_exit cli_report(const struct cli_args *args)
{
    struct tb_report r;
    char why[400] = "";
    bool host = false;
    enum tb_exit status = TB_EXIT_INPUT;
    if (!args->output && !args->text)
        return cli_usage(args->verb, "where to: --output FILE.html, or --text for the terminal");
    if (tb_report_load(&r, args->words, why, &host)) {
        status = write_report(args, &r);
    } else {
        fprintf(stderr, "%s\n", why);
        status = host ? TB_EXIT_HOST : TB_EXIT_INPUT;
    }
    tb_report_free(&r);
    return status;
}
