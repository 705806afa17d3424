/* SPDX-License-Identifier: MIT */
#include "power/nvml_boards.h"

#include <stddef.h>

#define MS INT64_C(1000000)

enum { KEPLER = 2, MAXWELL, PASCAL, VOLTA, TURING, AMPERE, ADA, HOPPER, BLACKWELL };

/* GA100 (A100, A30) behaves unlike the rest of its generation. */
static const struct erg_nvml_board ga100 = {"Ampere GA100", 100 * MS, 25};
static const struct erg_nvml_board unknown = {"unknown generation", 100 * MS, 0};

static const struct {
    unsigned int architecture;
    struct erg_nvml_board board;
} boards[] = {
    {KEPLER, {"Kepler, slowly filtered", 100 * MS, 0}},
    {MAXWELL, {"Maxwell, slowly filtered", 100 * MS, 0}},
    {PASCAL, {"Pascal", 20 * MS, 50}},
    {VOLTA, {"Volta", 20 * MS, 50}},
    {TURING, {"Turing", 100 * MS, 100}},
    {AMPERE, {"Ampere", 100 * MS, 100}},
    {ADA, {"Ada", 100 * MS, 100}},
    {HOPPER, {"Hopper", 100 * MS, 25}},
    {BLACKWELL, {"Blackwell", 100 * MS, 0}},
};

const struct erg_nvml_board *erg_nvml_find_board(unsigned int architecture,
                                                 unsigned int pci_device_id)
{
    if (architecture == AMPERE && (pci_device_id >> 16 & 0xff00) == 0x2000)
        return &ga100;
    for (size_t i = 0; i < sizeof boards / sizeof boards[0]; i++) {
        if (boards[i].architecture == architecture)
            return &boards[i].board;
    }
    return &unknown;
}
