/* SPDX-License-Identifier: MIT */
#include "power/ioreport.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <mach/mach_time.h>
#include <stdlib.h>
#include <string.h>

/*
 * Apple's library IOReport, which has no header: own declarations of the calls that are used, found
 * when the program runs. Nothing of this has been tried on a Mac (docs/power.md).
 */
#define IOREPORT        "/usr/lib/libIOReport.dylib"
#define CORE_FOUNDATION "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"

enum { UTF8 = 0x08000100 }; /* kCFStringEncodingUTF8 */

typedef const void *ref; /* any object of Core Foundation */

struct calls {
    ref (*string)(ref allocator, const char *text, uint32_t encoding);
    unsigned char (*string_text)(ref string, char *out, long out_bytes, uint32_t encoding);
    ref (*get)(ref dictionary, ref key);
    void *(*copy_dictionary)(ref allocator, long capacity, ref dictionary);
    void (*set)(void *dictionary, ref key, ref value);
    void *(*array)(ref allocator, long capacity, ref callbacks);
    void (*append)(void *array, ref value);
    long (*count)(ref array);
    ref (*at)(ref array, long i);
    const uint8_t *(*bytes)(ref data);
    long (*length)(ref data);
    void (*release)(ref object);
    void *(*channels_in_group)(ref group, ref subgroup, uint64_t a, uint64_t b, uint64_t c);
    void *(*subscribe)(void *a, void *channels, void **out_channels, uint64_t id, ref b);
    ref (*sample)(void *subscription, void *channels, ref a);
    ref (*name)(ref channel);
    ref (*unit)(ref channel);
    int64_t (*value)(ref channel, int32_t a);
};

static const struct {
    size_t offset;
    const char *name;
} symbols[] = {
    {offsetof(struct calls, string), "CFStringCreateWithCString"},
    {offsetof(struct calls, string_text), "CFStringGetCString"},
    {offsetof(struct calls, get), "CFDictionaryGetValue"},
    {offsetof(struct calls, copy_dictionary), "CFDictionaryCreateMutableCopy"},
    {offsetof(struct calls, set), "CFDictionarySetValue"},
    {offsetof(struct calls, array), "CFArrayCreateMutable"},
    {offsetof(struct calls, append), "CFArrayAppendValue"},
    {offsetof(struct calls, count), "CFArrayGetCount"},
    {offsetof(struct calls, at), "CFArrayGetValueAtIndex"},
    {offsetof(struct calls, bytes), "CFDataGetBytePtr"},
    {offsetof(struct calls, length), "CFDataGetLength"},
    {offsetof(struct calls, release), "CFRelease"},
    {offsetof(struct calls, channels_in_group), "IOReportCopyChannelsInGroup"},
    {offsetof(struct calls, subscribe), "IOReportCreateSubscription"},
    {offsetof(struct calls, sample), "IOReportCreateSamples"},
    {offsetof(struct calls, name), "IOReportChannelGetChannelName"},
    {offsetof(struct calls, unit), "IOReportChannelGetUnitLabel"},
    {offsetof(struct calls, value), "IOReportSimpleGetIntegerValue"},
};

struct handle {
    void *ioreport, *foundation;
    struct calls call;
    ref callbacks; /* kCFTypeArrayCallBacks */
    ref channels_key, raw_key;
    void *channels; /* those that are wanted */
    void *subscription, *subscribed;
};

static int load(struct handle *h, struct erg_err *err)
{
    h->ioreport = dlopen(IOREPORT, RTLD_NOW | RTLD_LOCAL);
    h->foundation = dlopen(CORE_FOUNDATION, RTLD_NOW | RTLD_LOCAL);
    if (!h->ioreport || !h->foundation)
        return erg_fail(err, ERG_NOT_FOUND, "cannot load '%s'",
                        h->ioreport ? CORE_FOUNDATION : IOREPORT);
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = dlsym(h->foundation, symbols[i].name);
        if (!symbol)
            symbol = dlsym(h->ioreport, symbols[i].name);
        if (!symbol)
            return erg_fail(err, ERG_UNSUPPORTED, "IOReport here has no '%s'", symbols[i].name);
        memcpy((char *)&h->call + symbols[i].offset, &symbol, sizeof symbol);
    }
    h->callbacks = dlsym(h->foundation, "kCFTypeArrayCallBacks");
    return 0;
}

static void text_of(const struct handle *h, ref string, char *out, size_t out_bytes)
{
    if (!string || !h->call.string_text(string, out, (long)out_bytes, UTF8))
        out[0] = '\0';
}

/* Leave the wanted channels only: a sample of all costs several times as much. */
static int choose_channels(struct handle *h, struct erg_err *err)
{
    ref group = h->call.string(NULL, "Energy Model", UTF8);
    void *all = group ? h->call.channels_in_group(group, NULL, 0, 0, 0) : NULL;
    ref list = all ? h->call.get(all, h->channels_key) : NULL;
    void *kept = list ? h->call.array(NULL, 0, h->callbacks) : NULL;
    long count = kept ? h->call.count(list) : 0, wanted = 0;
    for (long i = 0; i < count && wanted < ERG_IOREPORT_ITEMS; i++) {
        char name[64];
        ref channel = h->call.at(list, i);
        text_of(h, h->call.name(channel), name, sizeof name);
        if (!erg_ioreport_wanted(name))
            continue;
        h->call.append(kept, channel);
        wanted++;
    }
    if (wanted)
        h->channels = h->call.copy_dictionary(NULL, 0, all);
    if (h->channels)
        h->call.set(h->channels, h->channels_key, kept);
    ref objects[] = {kept, all, group};
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        if (objects[i])
            h->call.release(objects[i]);
    }
    if (!h->channels)
        return erg_fail(err, ERG_UNSUPPORTED, "IOReport has no energy channels here");
    return 0;
}

static void close_ioreport(void *handle)
{
    struct handle *h = handle;
    if (!h)
        return;
    ref objects[] = {h->subscribed, h->subscription, h->channels, h->channels_key, h->raw_key};
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        if (objects[i])
            h->call.release(objects[i]);
    }
    if (h->ioreport)
        dlclose(h->ioreport);
    if (h->foundation)
        dlclose(h->foundation);
    free(h);
}

static int open_ioreport(void **out_handle, struct erg_err *err)
{
    struct handle *h = erg_calloc(1, sizeof *h);
    if (!h)
        return erg_fail(err, ERG_NOMEM, "cannot open IOReport: out of memory");
    int rc = load(h, err);
    if (rc == 0) {
        h->channels_key = h->call.string(NULL, "IOReportChannels", UTF8);
        h->raw_key = h->call.string(NULL, "RawElements", UTF8);
        rc = h->channels_key && h->raw_key
                 ? choose_channels(h, err)
                 : erg_fail(err, ERG_NOMEM, "cannot open IOReport: out of memory");
    }
    if (rc == 0) {
        h->subscription = h->call.subscribe(NULL, h->channels, &h->subscribed, 0, NULL);
        if (!h->subscription)
            rc = erg_fail(err, ERG_DENIED, "IOReport gives no subscription to its energy channels");
    }
    if (rc) {
        close_ioreport(h);
        return rc;
    }
    *out_handle = h;
    return 0;
}

static void read_item(const struct handle *h, ref channel, struct erg_ioreport_item *out)
{
    ref raw = h->call.get(channel, h->raw_key);
    *out = (struct erg_ioreport_item){.count = h->call.value(channel, 0)};
    text_of(h, h->call.name(channel), out->name, sizeof out->name);
    text_of(h, h->call.unit(channel), out->unit, sizeof out->unit);
    if (raw)
        out->ticks = erg_ioreport_ticks(h->call.bytes(raw), (size_t)h->call.length(raw));
}

static int sample_ioreport(void *handle, struct erg_ioreport_item *items, size_t *out_count,
                           struct erg_err *err)
{
    struct handle *h = handle;
    ref sample = h->call.sample(h->subscription, h->channels, NULL);
    ref list = sample ? h->call.get(sample, h->channels_key) : NULL;
    long count = list ? h->call.count(list) : 0;
    *out_count = 0;
    for (long i = 0; i < count && *out_count < ERG_IOREPORT_ITEMS; i++)
        read_item(h, h->call.at(list, i), &items[(*out_count)++]);
    if (sample)
        h->call.release(sample);
    return list ? 0 : erg_fail(err, ERG_IO, "IOReport gives no sample");
}

static void timebase(uint32_t *out_numerator, uint32_t *out_denominator)
{
    mach_timebase_info_data_t info = {0};
    mach_timebase_info(&info);
    *out_numerator = info.numer;
    *out_denominator = info.denom;
}

const struct erg_ioreport_api *erg_ioreport_system(void)
{
    static const struct erg_ioreport_api system = {open_ioreport, sample_ioreport, timebase,
                                                   close_ioreport};
    return &system;
}
