// Checks the model against its golden vectors and prints PASS or FAIL at 115200 baud.
#include <Chirale_TensorFlowLite.h>
{% if front %}
#include <front_end.h>
{% endif %}
#include <model.h>

void setup() {
  Serial.begin(115200);
  while (!Serial) {
  }
  const int failed = {{ name }}::SelfTest(){{ " + " + name + "_front_end_self_test()" if front }};
  Serial.println(failed == 0 ? "PASS" : "FAIL");
}

void loop() {}
