/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return erg_cli_main(argc, (const char *const *)argv);
}
