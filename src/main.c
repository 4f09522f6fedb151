#include "pack/pack.h"
#include "server/options.h"
#include "server/serve.h"

#include <string.h>

/* The command is chosen here, and nothing else is done. */
int main(int argc, char **argv)
{
    struct options options;
    if (argc > 1 && strcmp(argv[1], "pack") == 0)
        return pack(argc - 1, argv + 1);
    switch (options_read(&options, argc, argv)) {
    case OPTIONS_SERVE:
        return serve(&options);
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_WRONG:
        break;
    }
    return 2;
}
