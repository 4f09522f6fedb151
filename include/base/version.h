/* The version, in its one place. */
#ifndef SHUNT_BASE_VERSION_H
#define SHUNT_BASE_VERSION_H

#define SHUNT_VERSION "0.1.0"

#endif
