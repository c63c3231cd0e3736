/* Start-up and main loop of a firmware that does nothing but run one model: SPDX-License-Identifier: Apache-2.0
 *
 * The emulator stops at tk_ready to write the input tensors, and at tk_done to read the outputs. Built with TK_MAILBOX (QEMU), the
 * two take their samples from memory and give their answers to a UART, because nobody stops that machine.
 */
#include <stdint.h>

#include "model.h"

#if TK_NEEDS_DSP && !defined(__ARM_FEATURE_DSP)
#error "this core has the DSP extension and the compiler was not told"
#endif
#if TK_NEEDS_MVE && !defined(__ARM_FEATURE_MVE)
#error "this core has MVE and the compiler was not told"
#endif

extern uint32_t tk_data_load[], tk_data_start[], tk_data_end[], tk_bss_start[], tk_bss_end[], tk_stack_top[];

int8_t *tk_inputs[TK_INPUTS];
const int8_t *tk_outputs[TK_OUTPUTS];
volatile int32_t tk_status;

void tk_ready(void);
void tk_done(void);
void tk_main(void);
void tk_reset(void);
void tk_fault(void);

#ifdef TK_MAILBOX
#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define PAINT 0xA5A5A5A5u
extern uint32_t tk_stack_base[];

static const uint32_t input_sizes[TK_INPUTS] = {TK_INPUT_SIZES}, output_sizes[TK_OUTPUTS] = {TK_OUTPUT_SIZES};
static const int8_t *next_sample = (const int8_t *)(uintptr_t)(TK_MAILBOX + 16);
static uint32_t samples_left;

static void send(const void *data, uint32_t count)
{
    const uint8_t *bytes = data;
    while (count--) {
        while (REGISTER(TK_UART + 4) & 1u) {
        }
        REGISTER(TK_UART) = *bytes++;
    }
}

/* The FPU and MVE are off after reset, and the compiler may use them for any loop: before all others. */
#define START_COPROCESSORS()                                                                                          \
    do {                                                                                                              \
        REGISTER(0xE000ED88) |= 0xFu << 20;                                                                           \
        __asm volatile("dsb\n\tisb" ::: "memory");                                                                    \
    } while (0)

__attribute__((noinline)) static void open_mailbox(void)
{
    uint32_t *word = tk_stack_base;
    uint32_t *here = (uint32_t *)__builtin_frame_address(0) - 32;
    REGISTER(TK_UART + 16) = 16;
    REGISTER(TK_UART + 8) = 1;
    while (word < here) {
        *word++ = PAINT;
    }
    samples_left = REGISTER(TK_MAILBOX);
}

__attribute__((noinline)) void tk_ready(void)
{
    if (samples_left == 0) {
        const uint32_t *word = tk_stack_base;
        while (*word == PAINT) {
            word++;
        }
        uint32_t used = (uint32_t)((uintptr_t)tk_stack_top - (uintptr_t)word);
        send(&used, 4);
        for (;;) {
            REGISTER(0xE000ED0C) = 0x05FA0004;
        }
    }
    samples_left--;
    for (int tensor = 0; tensor < TK_INPUTS; tensor++) {
        for (uint32_t index = 0; index < input_sizes[tensor]; index++) {
            tk_inputs[tensor][index] = *next_sample++;
        }
    }
}

__attribute__((noinline)) void tk_done(void)
{
    uint32_t status = (uint32_t)tk_status;
    send(&status, 4);
    for (int tensor = 0; tensor < TK_OUTPUTS; tensor++) {
        send(tk_outputs[tensor], output_sizes[tensor]);
    }
}

__attribute__((noinline)) void tk_fault(void)
{
    uint32_t mark = 0xDEADDEADu, where[2] = {REGISTER(0xE000ED28), REGISTER(0xE000ED38)};
    send(&mark, 4);
    send(where, 8);
    for (;;) {
        REGISTER(0xE000ED0C) = 0x05FA0004;
    }
}
#else
#define START_COPROCESSORS()
__attribute__((noinline)) void tk_ready(void) { __asm volatile("" ::: "memory"); }
__attribute__((noinline)) void tk_done(void) { __asm volatile("" ::: "memory"); }
__attribute__((noinline)) void tk_fault(void)
{
    for (;;) {
    }
}
#endif

__attribute__((noinline)) void tk_main(void)
{
    for (int tensor = 0; tensor < TK_INPUTS; tensor++) {
        tk_inputs[tensor] = TK_MODEL(input)(tensor);
    }
    for (int tensor = 0; tensor < TK_OUTPUTS; tensor++) {
        tk_outputs[tensor] = TK_MODEL(output)(tensor);
    }
    for (;;) {
        tk_ready();
#if TK_KEEPS_STATE
        TK_MODEL(reset)();
#endif
        tk_status = TK_MODEL(invoke)();
        tk_done();
    }
}

void tk_reset(void)
{
    START_COPROCESSORS();
    const uint32_t *from = tk_data_load;
    for (uint32_t *to = tk_data_start; to < tk_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = tk_bss_start; to < tk_bss_end;) {
        *to++ = 0;
    }
#ifdef TK_MAILBOX
    open_mailbox();
#endif
    tk_main();
}

typedef void (*Handler)(void);

__attribute__((section(".vectors"), used)) static const Handler vectors[16] = {
    (Handler)(uintptr_t)tk_stack_top, tk_reset, tk_fault, tk_fault, tk_fault, tk_fault, tk_fault, tk_fault,
    tk_fault, tk_fault, tk_fault, tk_fault, tk_fault, tk_fault, tk_fault, tk_fault,
};
