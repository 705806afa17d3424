/* SPDX-License-Identifier: MIT */
#include "analysis/summary.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* USD per kWh where nothing better is known. */
#define USUAL_USD_PER_KWH 0.12

/* A region; `usd_per_kwh` 0 = the usual price, `year` 0 = a round figure without one. */
struct region {
    const char *name;
    const char *code; /* ISO 3166-1, NULL = none */
    double g_per_kwh, usd_per_kwh;
    int year;
};

/*
 * The presets are round figures for comparisons; `us` is the default. The countries' carbon is that
 * of the whole life cycle of the electricity made there in the year, after Ember's yearly review as
 * published by Our World in Data, to two digits; prices are those of households, rounded.
 */
static const struct region regions[] = {
    {"us", NULL, 400, 0, 0},
    {"california", NULL, 200, 0, 0},
    {"texas", NULL, 500, 0, 0},
    {"eu", NULL, 300, 0, 0},
    {"albania", "AL", 24, 0, 2023},
    {"algeria", "DZ", 630, 0, 2022},
    {"argentina", "AR", 350, 0, 2023},
    {"australia", "AU", 550, 0.25, 2023},
    {"austria", "AT", 110, 0, 2023},
    {"bangladesh", "BD", 690, 0, 2023},
    {"belgium", "BE", 140, 0.38, 2023},
    {"bolivia", "BO", 530, 0, 2023},
    {"brazil", "BR", 98, 0.16, 2023},
    {"bulgaria", "BG", 340, 0, 2023},
    {"canada", "CA", 170, 0.13, 2023},
    {"chile", "CL", 290, 0, 2023},
    {"china", "CN", 580, 0.08, 2023},
    {"colombia", "CO", 260, 0, 2023},
    {"costa-rica", "CR", 53, 0, 2023},
    {"croatia", "HR", 210, 0, 2023},
    {"cyprus", "CY", 530, 0, 2023},
    {"czechia", "CZ", 450, 0.34, 2023},
    {"denmark", "DK", 150, 0.38, 2023},
    {"ecuador", "EC", 150, 0, 2023},
    {"egypt", "EG", 570, 0, 2023},
    {"estonia", "EE", 420, 0, 2023},
    {"ethiopia", "ET", 25, 0, 2022},
    {"finland", "FI", 79, 0, 2023},
    {"france", "FR", 56, 0.25, 2023},
    {"georgia", "GE", 170, 0, 2023},
    {"germany", "DE", 380, 0.40, 2023},
    {"greece", "GR", 340, 0, 2023},
    {"hong-kong", "HK", 700, 0, 2022},
    {"hungary", "HU", 200, 0, 2023},
    {"iceland", "IS", 28, 0, 2022},
    {"india", "IN", 710, 0.08, 2023},
    {"indonesia", "ID", 680, 0, 2022},
    {"iran", "IR", 660, 0, 2023},
    {"ireland", "IE", 290, 0.38, 2023},
    {"israel", "IL", 580, 0, 2022},
    {"italy", "IT", 330, 0.38, 2023},
    {"japan", "JP", 490, 0.25, 2023},
    {"kazakhstan", "KZ", 820, 0, 2023},
    {"kenya", "KE", 71, 0, 2023},
    {"kuwait", "KW", 650, 0, 2023},
    {"latvia", "LV", 120, 0, 2023},
    {"lithuania", "LT", 160, 0, 2023},
    {"luxembourg", "LU", 110, 0, 2023},
    {"malaysia", "MY", 610, 0, 2022},
    {"malta", "MT", 460, 0, 2023},
    {"mexico", "MX", 510, 0.11, 2023},
    {"moldova", "MD", 640, 0, 2023},
    {"morocco", "MA", 630, 0, 2023},
    {"netherlands", "NL", 270, 0, 2023},
    {"new-zealand", "NZ", 110, 0.20, 2023},
    {"nigeria", "NG", 520, 0, 2023},
    {"norway", "NO", 30, 0, 2023},
    {"oman", "OM", 560, 0, 2023},
    {"pakistan", "PK", 440, 0, 2023},
    {"paraguay", "PY", 24, 0, 2023},
    {"peru", "PE", 270, 0, 2023},
    {"philippines", "PH", 610, 0, 2023},
    {"poland", "PL", 660, 0.20, 2023},
    {"portugal", "PT", 170, 0, 2023},
    {"qatar", "QA", 600, 0, 2023},
    {"romania", "RO", 240, 0, 2023},
    {"russia", "RU", 440, 0.06, 2023},
    {"saudi-arabia", "SA", 710, 0, 2022},
    {"serbia", "RS", 640, 0, 2023},
    {"singapore", "SG", 470, 0.23, 2023},
    {"slovakia", "SK", 120, 0, 2023},
    {"slovenia", "SI", 230, 0, 2023},
    {"south-africa", "ZA", 710, 0.17, 2023},
    {"south-korea", "KR", 430, 0.13, 2023},
    {"spain", "ES", 170, 0.24, 2023},
    {"sweden", "SE", 41, 0, 2023},
    {"switzerland", "CH", 35, 0.30, 2023},
    {"taiwan", "TW", 640, 0, 2023},
    {"thailand", "TH", 550, 0, 2023},
    {"tunisia", "TN", 560, 0, 2023},
    {"turkey", "TR", 460, 0, 2023},
    {"ukraine", "UA", 260, 0, 2022},
    {"united-arab-emirates", "AE", 560, 0, 2022},
    {"united-kingdom", "GB", 240, 0.36, 2023},
    {"united-states", "US", 370, 0, 2023},
    {"uruguay", "UY", 130, 0, 2023},
    {"uzbekistan", "UZ", 1200, 0, 2022},
    {"vietnam", "VN", 480, 0, 2023},
};

const char erg_grid_source[] =
    "countries: carbon of the whole life cycle of the electricity made there in the year, after "
    "Ember's yearly review as published by Our World in Data, to two digits; presets: round "
    "figures";
const char erg_grid_price_source[] =
    "prices of households, rounded; 0.12 USD/kWh where nothing better is known";

bool erg_grid_at(size_t i, struct erg_grid *out)
{
    if (i >= sizeof regions / sizeof regions[0])
        return false;
    const struct region *region = &regions[i];
    *out = (struct erg_grid){
        .g_per_kwh = region->g_per_kwh,
        .usd_per_kwh = region->usd_per_kwh > 0 ? region->usd_per_kwh : USUAL_USD_PER_KWH,
        .year = region->year,
    };
    memcpy(out->region, region->name, strlen(region->name) + 1);
    return true;
}

const char *erg_grid_code(size_t i)
{
    return i < sizeof regions / sizeof regions[0] ? regions[i].code : NULL;
}

/* Equal but for case and what stands between words: "South Korea", "south_korea", "SOUTH-KOREA". */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        bool gap = strchr(" _-", *a) && strchr(" _-", *b);
        if (!gap && strncasecmp(a, b, 1) != 0)
            return false;
    }
    return *a == *b;
}

bool erg_grid_find(const char *region, struct erg_grid *out)
{
    if (strcasecmp(region, "uk") == 0)
        region = "GB";
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        const char *code = regions[i].code;
        if (same_name(region, regions[i].name) || (code && strcasecmp(region, code) == 0))
            return erg_grid_at(i, out);
    }
    return false;
}

void erg_grid_override(struct erg_grid *grid, double g_per_kwh, double usd_per_kwh)
{
    if (g_per_kwh >= 0)
        *grid = (struct erg_grid){"custom", g_per_kwh, grid->usd_per_kwh, 0};
    if (usd_per_kwh >= 0)
        grid->usd_per_kwh = usd_per_kwh;
}

void erg_grid_write(const struct erg_grid *grid, struct erg_jsonw *w)
{
    erg_jsonw_kstr(w, "region", grid->region);
    erg_jsonw_kreal(w, "g_per_kwh", grid->g_per_kwh);
    erg_jsonw_kreal(w, "usd_per_kwh", grid->usd_per_kwh);
    if (grid->year) {
        char date[12];
        snprintf(date, sizeof date, "%d", grid->year);
        erg_jsonw_kstr(w, "date", date);
    } else {
        erg_jsonw_knull(w, "date");
    }
}
