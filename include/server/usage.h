/* usage: what --help prints. */
#ifndef SHUNT_SERVER_USAGE_H
#define SHUNT_SERVER_USAGE_H

/* All options, in the order in which a newcomer wants them; defaults in brackets. Ends in a line feed. */
extern const char usage_text[];

#endif
