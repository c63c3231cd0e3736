/* Counts the basic blocks that an emulated program executes, by operator: SPDX-License-Identifier: Apache-2.0
 *
 * One source, two engines: a block hook of unicorn (the default), or with -DTK_QEMU a TCG plugin of QEMU, whose few
 * functions are declared here as its documentation gives them. Both see a block's address and length each time it runs.
 * A block that starts an operator's function, or lies in the model's own function, says whose instructions follow.
 */
#include <stddef.h>
#include <stdint.h>
#ifdef TK_QEMU
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#endif

#define EXPORT __attribute__((visibility("default")))
#define KEEP (-1)
#define MAX_BLOCKS (1u << 16)
#define MAX_RANGES 4096u
#define MAX_COUNTS (1u << 22)

typedef struct { uint32_t first, after, slot; } Range;
typedef struct { uint64_t executed, taken, fallen; } Count; /* how often: run, left by a jump, entered without one */
typedef struct { uint32_t address, bytes, instructions; int32_t slot; Count *counts; } Block;

static Range ranges[MAX_RANGES];
static uint32_t range_count, slot_count;
static Block blocks[MAX_BLOCKS];
static Count pool[MAX_COUNTS];
static uint32_t pool_used, block_count, current;
static Block *last;
static uint32_t last_slot;
static uint64_t total;
static int frozen, full;

static int32_t slot_of(uint32_t address)
{
    for (uint32_t index = 0; index < range_count; index++) {
        if (address >= ranges[index].first && address < ranges[index].after) {
            return (int32_t)ranges[index].slot;
        }
    }
    return KEEP;
}

static Block *find(uint32_t address, uint32_t bytes)
{
    uint32_t place = ((address >> 1) * 2654435761u ^ bytes * 40503u) & (MAX_BLOCKS - 1);
    while (blocks[place].counts) {
        if (blocks[place].address == address && blocks[place].bytes == bytes) {
            return &blocks[place];
        }
        place = (place + 1) & (MAX_BLOCKS - 1);
    }
    if (++block_count > MAX_BLOCKS * 3 / 4 || pool_used + slot_count > MAX_COUNTS) {
        full = 1; /* what is counted from here on is void, and the reader is told */
        block_count--;
        pool_used -= pool_used ? slot_count : 0;
    }
    blocks[place].address = address;
    blocks[place].bytes = bytes;
    blocks[place].slot = slot_of(address);
    blocks[place].counts = pool + pool_used;
    pool_used += slot_count;
    return &blocks[place];
}

static void run(Block *block)
{
    if (frozen) {
        return;
    }
    int fallen = last && last->address + last->bytes == block->address;
    if (last && !fallen) {
        last->counts[last_slot].taken++;
    }
    if (block->slot != KEEP) {
        current = (uint32_t)block->slot;
    }
    block->counts[current].executed++;
    block->counts[current].fallen += (uint64_t)fallen;
    total += block->instructions;
    last = block;
    last_slot = current;
}

static void configure(const uint32_t *rows, uint32_t count, uint32_t slots)
{
    range_count = count < MAX_RANGES ? count : MAX_RANGES;
    slot_count = slots;
    for (uint32_t index = 0; index < range_count; index++) {
        ranges[index].first = rows[3 * index];
        ranges[index].after = rows[3 * index + 1];
        ranges[index].slot = rows[3 * index + 2];
    }
}

static const uint8_t *code;
static uint32_t code_start, code_bytes;

/* Thumb: a halfword whose top five bits are 0b11101 or more starts an instruction of four bytes. */
static uint32_t width_at(uint32_t address)
{
    uint32_t at = address - code_start;
    return at + 1 < code_bytes && (code[at + 1] >> 3) >= 0x1D ? 4 : 2;
}

#ifdef TK_QEMU
typedef uint64_t Id;
typedef struct Translation Translation;
typedef struct Info Info;
extern size_t qemu_plugin_tb_n_insns(const Translation *);
extern uint64_t qemu_plugin_tb_vaddr(const Translation *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(Id, void (*)(Id, Translation *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(Translation *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_atexit_cb(Id, void (*)(Id, void *), void *);

EXPORT int qemu_plugin_version = TK_PLUGIN_VERSION;
static char out_path[4096];
static uint32_t freeze_at;

static void on_block(unsigned cpu, void *user)
{
    (void)cpu;
    Block *block = user;
    if (block->address == freeze_at) {
        frozen = 1;
    }
    run(block);
}

static void on_translation(Id id, Translation *translation)
{
    (void)id;
    uint32_t bytes = 0, count = (uint32_t)qemu_plugin_tb_n_insns(translation);
    uint32_t address = (uint32_t)qemu_plugin_tb_vaddr(translation);
    for (uint32_t index = 0; index < count; index++) {
        bytes += width_at(address + bytes); /* QEMU 7.2 gives too many bytes where a block was translated twice */
    }
    Block *block = find(address, bytes);
    block->instructions = count;
    qemu_plugin_register_vcpu_tb_exec_cb(translation, on_block, 0, block);
}

static void write_rows(Id id, void *user)
{
    (void)id, (void)user;
    FILE *file = fopen(out_path, "w");
    if (file && full) {
        fprintf(file, "full\n");
    }
    for (uint32_t place = 0; file && place < MAX_BLOCKS; place++) {
        for (uint32_t slot = 0; blocks[place].counts && slot < slot_count; slot++) {
            Count count = blocks[place].counts[slot];
            if (count.executed) {
                fprintf(file, "%u %u %u %u %llu %llu %llu\n", slot, blocks[place].address, blocks[place].bytes,
                        blocks[place].instructions, (unsigned long long)count.executed,
                        (unsigned long long)count.taken, (unsigned long long)count.fallen);
            }
        }
    }
    if (file) {
        fclose(file);
    }
}

EXPORT int qemu_plugin_install(Id id, const Info *info, int argc, char **argv)
{
    (void)info;
    char path[4096] = "";
    for (int index = 0; index < argc; index++) {
        if (!strncmp(argv[index], "ranges=", 7)) {
            snprintf(path, sizeof path, "%s", argv[index] + 7);
        } else if (!strncmp(argv[index], "out=", 4)) {
            snprintf(out_path, sizeof out_path, "%s", argv[index] + 4);
        }
    }
    uint32_t header[5];
    FILE *file = fopen(path, "rb");
    if (!file || fread(header, 4, 5, file) != 5 || header[0] > MAX_RANGES || header[4] > 1u << 30) {
        return -1;
    }
    uint32_t *rows = malloc(header[0] * sizeof(Range) + 4);
    uint8_t *image = malloc(header[4] + 1);
    if (!rows || !image || fread(rows, sizeof(Range), header[0], file) != header[0] ||
        fread(image, 1, header[4], file) != header[4]) {
        return -1;
    }
    fclose(file);
    code = image;
    code_start = header[3];
    code_bytes = header[4];
    configure(rows, header[0], header[1]);
    free(rows);
    freeze_at = header[2];
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, write_rows, NULL);
    return 0;
}
#else
static uint64_t limit;
static int (*stop)(void *);

EXPORT void tk_configure(const uint32_t *rows, uint32_t count, uint32_t slots, const uint8_t *image, uint32_t start,
                         uint32_t bytes, uint64_t most, int (*stopper)(void *))
{
    configure(rows, count, slots);
    code = image;
    code_start = start;
    code_bytes = bytes;
    limit = most;
    stop = stopper;
}

EXPORT void tk_on_block(void *engine, uint64_t address, uint32_t bytes, void *user)
{
    (void)user;
    Block *block = find((uint32_t)address, bytes);
    if (!block->instructions) {
        for (uint32_t at = (uint32_t)address; at < address + bytes; at += width_at(at)) {
            block->instructions++;
        }
    }
    run(block);
    if (total > limit) {
        stop(engine);
    }
}

EXPORT uint32_t tk_current(void) { return current; }
EXPORT uint64_t tk_total(void) { return total; }
EXPORT int tk_full(void) { return full; }

/* Rows of seven: slot, address, bytes, instructions, executed, taken, fallen; returns how many there are. */
EXPORT uint32_t tk_rows(uint64_t *rows, uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t place = 0; place < MAX_BLOCKS; place++) {
        for (uint32_t slot = 0; blocks[place].counts && slot < slot_count; slot++) {
            Count one = blocks[place].counts[slot];
            if (one.executed && count++ < room) {
                uint64_t *row = rows + 7 * (count - 1);
                row[0] = slot;
                row[1] = blocks[place].address;
                row[2] = blocks[place].bytes;
                row[3] = blocks[place].instructions;
                row[4] = one.executed;
                row[5] = one.taken;
                row[6] = one.fallen;
            }
        }
    }
    return count;
}
#endif
