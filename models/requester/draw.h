/* Draws from distributions, in integers: the same on every machine.
 *
 * Accuracy: linear interpolation between 257 points, relative error below 2e-6.
 */
#ifndef MODELS_REQUESTER_DRAW_H
#define MODELS_REQUESTER_DRAW_H

#include "tollbridge/model.h"

/* An exponentially distributed time with the given mean (below 2^40 ps), rounded down to the tick.
 */
tb_time draw_exponential(struct tb_random *r, tb_time mean);

/* Fills cumulative[0..n-1] with the running sums of Zipf's weights 1/(k+1)^alpha, alpha in
 * thousandths, scaled so that the first weight is 2^32. n <= 2^24. */
void draw_zipf_prepare(uint64_t *cumulative, uint64_t n, uint64_t alpha);

/* A rank 0..n-1 by those weights. */
uint64_t draw_zipf(struct tb_random *r, const uint64_t *cumulative, uint64_t n);

#endif
