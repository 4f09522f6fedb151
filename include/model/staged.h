/*
 * staged: the default model (Carncross, "fast servers"). The main thread accepts; each connection has a read-stage
 * thread, for life, round-robin; what that can't send at once goes to a write-stage thread and comes home when it is
 * sent.
 *
 *     accept ──► read 0 … read N-1 ──► write 0 … write M-1
 *                  ▲   │                  │
 *                  │   └──► blockers ─────┤      without writers (--writers 0) the reader writes: Voras's SYMPED
 *                  └──────────────────────┘
 */
#ifndef SHUNT_MODEL_STAGED_H
#define SHUNT_MODEL_STAGED_H

#include "model/engine.h"

extern const struct model model_staged;

#endif
