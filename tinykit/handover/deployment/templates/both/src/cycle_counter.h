/* The core's cycle counter, where it has one: Arm's DWT unit on Cortex-M3 and up. Elsewhere it reads 0, and the
 * self-test leaves cycles out. Registers: Armv7-M and Armv8-M Architecture Reference Manuals, DWT and DEMCR;
 * the lock of Cortex-M7: CoreSight LAR. */
#ifndef TINYKIT_CYCLE_COUNTER_H_
#define TINYKIT_CYCLE_COUNTER_H_

#include <stdint.h>

#ifndef TINYKIT_CLOCK_HZ
#define TINYKIT_CLOCK_HZ 0
#endif

#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__) || defined(__ARM_ARCH_8M_MAIN__) || \
    defined(__ARM_ARCH_8_1M_MAIN__)
#define TINYKIT_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

static inline void tinykit_start_cycles(void)
{
    TINYKIT_REGISTER(0xE000EDFCu) |= 1u << 24; /* DEMCR.TRCENA */
    TINYKIT_REGISTER(0xE0001FB0u) = 0xC5ACCE55u; /* DWT_LAR */
    TINYKIT_REGISTER(0xE0001004u) = 0u; /* DWT_CYCCNT */
    TINYKIT_REGISTER(0xE0001000u) |= 1u; /* DWT_CTRL.CYCCNTENA */
}

static inline uint32_t tinykit_cycles(void)
{
    return TINYKIT_REGISTER(0xE0001004u);
}
#else
static inline void tinykit_start_cycles(void)
{
}

static inline uint32_t tinykit_cycles(void)
{
    return 0u;
}
#endif

#endif
