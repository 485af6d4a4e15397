/* A library with the face of NVML and three cards: one that tells all, one that tells little, one that is lost. */
#include <string.h>

#ifndef INIT_CODE
#define INIT_CODE 0
#endif

typedef struct { char legacy[16]; unsigned domain, bus, device, ids, subsystem; char id[32]; } pci;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned gpu, memory; } utilization;

static int started;
static int cards[2];

int nvmlInit_v2(void) { started += INIT_CODE == 0; return INIT_CODE; }
int nvmlShutdown(void) { started--; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return started > 0 ? 0 : 1; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (index > 1) return 15;
    *device = &cards[index];
    return 0;
}
int nvmlDeviceGetPciInfo_v3(void *device, pci *info) {
    memset(info, 0, sizeof *info);
    info->domain = device == &cards[0] ? 0 : 0x10000;
    info->bus = device == &cards[0] ? 1 : 0xaf;
    info->ids = 0x268410de;
    strcpy(info->id, "a text that nobody reads");
    return 0;
}
int nvmlDeviceGetMinorNumber(void *device, unsigned *minor) { *minor = device != &cards[0]; return 0; }
int nvmlDeviceGetName(void *device, char *name, unsigned room) {
    if (device == &cards[0]) { strncpy(name, "NVIDIA Made Up", room); return 0; }
    memset(name, 'x', room); /* no end */
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, memory *told) {
    told->total = 25769803776ULL; told->free = 1; told->used = 1073741824ULL;
    return device == &cards[0] ? 0 : 4;
}
int nvmlDeviceGetUtilizationRates(void *device, utilization *told) {
    told->gpu = 37; told->memory = 12;
    return device == &cards[0] ? 0 : 3;
}
int nvmlDeviceGetTemperature(void *device, unsigned sensor, unsigned *celsius) {
    *celsius = 61;
    return sensor != 0 ? 2 : device == &cards[0] ? 0 : 10;
}
#ifndef WITHOUT_POWER
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) { *milliwatts = 123456; return device == &cards[0] ? 0 : 999; }
#endif
