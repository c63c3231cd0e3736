/* Runs the golden vectors and says what came out, line by line. */
{{ about }}
#ifndef {{ guard }}_SELF_TEST_H_
#define {{ guard }}_SELF_TEST_H_

#ifdef __cplusplus
extern "C" {
#endif

/* Calls put with each line, without an end of line; returns how many vectors failed. */
int {{ name }}_self_test(void (*put)(const char *line));

#ifdef __cplusplus
}
#endif

#endif
