/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_REPORT_PAGE_H
#define ERG_EXPORT_REPORT_PAGE_H

#include <stddef.h>

/*
 * The page of a report (web/scripts/report.ts), compiled in: HTML with the line
 * "<!--ergon:data-->" where the data go. No bytes in a build without the dashboard.
 */
extern const unsigned char erg_report_page[];
extern const size_t erg_report_page_bytes;

#endif
