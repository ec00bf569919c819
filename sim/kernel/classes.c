/* Every class of model there is: models/models.def. The one place where the kernel's library meets
 * the models. */
#include "load/scenario.h"

#define TB_MODEL(name) extern const struct tb_class tb_class_##name;
#include "../../models/models.def"
#undef TB_MODEL

#define TB_MODEL(name) &tb_class_##name,
static const struct tb_class *const classes[] = {
#include "../../models/models.def"
    NULL};
#undef TB_MODEL

const struct tb_class *const *tb_classes(size_t *count)
{
    *count = sizeof classes / sizeof classes[0] - 1;
    return classes;
}
