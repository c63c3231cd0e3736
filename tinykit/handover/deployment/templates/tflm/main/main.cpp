// Sets the model up, checks it against its golden vectors, says PASS or FAIL.
{{ about }}
{% if front %}
#include "front_end.h"
{% endif %}
#include "model.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/system_setup.h"

static int Run() {
  tflite::InitializeTarget();
{% if front %}
  const int differ = {{ name }}_front_end_self_test();
  if (differ != 0) {
    MicroPrintf("FAIL: the front end computes %d golden windows otherwise", differ);
    return 1;
  }
{% endif %}
  if ({{ name }}::SetUp() != kTfLiteOk) {
    MicroPrintf("FAIL: the model could not be set up");
    return 1;
  }
  MicroPrintf("arena: %d of %d bytes in use", static_cast<int>({{ name }}::ArenaUsedBytes()),
              static_cast<int>({{ name }}::kArenaBytes));
  const int failed = {{ name }}::SelfTest();
  if (failed != 0) {
    MicroPrintf("FAIL: %d golden vectors differ", failed);
    return 1;
  }
  MicroPrintf("PASS: golden vectors are equal");
  return 0;
}

#ifdef ESP_PLATFORM
extern "C" void app_main(void) { Run(); }
#else
int main() { return Run(); }
#endif
