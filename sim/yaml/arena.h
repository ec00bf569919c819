/* Memory of the host: what every part of the kernel does when there is none left. */
#ifndef SIM_ARENA_H
#define SIM_ARENA_H

#include <stddef.h>

/* Ends the process with exit 3 and a message: the host has no memory for `size` further bytes. */
_Noreturn void tb_host_no_memory(size_t size);

#endif
