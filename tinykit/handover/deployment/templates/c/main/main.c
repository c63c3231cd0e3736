/* Checks the model against its golden vectors, says PASS or FAIL. On a board, send stdout to the serial port. */
{{ about }}
#include <stdio.h>

{% if front %}
#include "front_end.h"
{% endif %}
#include "self_test.h"

static void put(const char *line)
{
    printf("%s\r\n", line);
}

int main(void)
{
{% if front %}
    const int differ = {{ name }}_front_end_self_test();
    if (differ != 0) {
        printf("FAIL: the front end computes %d golden windows otherwise\r\n", differ);
        return 1;
    }
{% endif %}
    const int failed = {{ name }}_self_test(put);
    if (failed != 0) {
        printf("FAIL: %d golden vectors differ\r\n", failed);
        return 1;
    }
    printf("PASS: golden vectors are equal\r\n");
    return 0;
}
