/* SPDX-License-Identifier: MIT */
#include "power/ioreport.h"

#include <stddef.h>

const struct erg_ioreport_api *erg_ioreport_system(void)
{
    return NULL;
}
