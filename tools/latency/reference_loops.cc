// Loops in the form of TFLM's reference kernels, for counting what they execute: shapes are objects asked for every
// index, indices are computed anew for every element, one accumulator a result. Written for the kit; no line of TFLM.
#include <stdint.h>

#if CHECKED
#define CHECK(truth) \
  if (!(truth)) __builtin_trap()
#else
#define CHECK(truth) (void)0
#endif

namespace {

class Shape {
 public:
  Shape(int count, const int32_t* sizes) : count_(count) {
    for (int axis = 0; axis < count; ++axis) sizes_[axis] = sizes[axis];
  }
  int32_t Count() const { return count_; }
  int32_t Size(int axis) const {
    CHECK(axis >= 0);
    CHECK(axis < count_);
    return sizes_[axis];
  }
  const int32_t* Data() const { return sizes_; }
  int Whole() const {
    int whole = 1;
    for (int axis = 0; axis < count_; ++axis) whole *= sizes_[axis];
    return whole;
  }

 private:
  int32_t count_;
  int32_t sizes_[6];
};

inline int Place(const Shape& shape, int a, int b, int c, int d) {
  CHECK(shape.Count() == 4);
  const int* sizes = reinterpret_cast<const int*>(shape.Data());
  CHECK(a >= 0 && a < sizes[0]);
  CHECK(b >= 0 && b < sizes[1]);
  CHECK(c >= 0 && c < sizes[2]);
  CHECK(d >= 0 && d < sizes[3]);
  return ((a * sizes[1] + b) * sizes[2] + c) * sizes[3] + d;
}

inline float Larger(float one, float other) { return one < other ? other : one; }
inline float Clamp(float value, float low, float high) {
  const float most = Larger(value, low);
  return high < most ? high : most;
}
inline float Absolute(float value) { return __builtin_fabsf(value); }

// As the C libraries for microcontrollers do it in single precision: reduced to half an octave, a polynomial of five
// terms, a division, and the exponent put back.
__attribute__((noinline)) float Power(float value) {
  if (value > 88.7f) return 3.4e38f;
  if (value < -103.9f) return 0.f;
  const int octaves = static_cast<int>(value * 1.442695041f + (value < 0 ? -0.5f : 0.5f));
  const float high = value - octaves * 0.693145752f, low = octaves * 1.42860677e-6f, rest = high - low;
  const float square = rest * rest;
  float term = 4.13813680e-8f;
  const float factors[] = {-1.65339022e-6f, 6.61375632e-5f, -2.77777777e-3f, 1.66666667e-1f};
  for (int index = 0; index < 4; ++index) term = term * square + factors[index];
  const float mended = rest - square * term;
  union {
    float value;
    int32_t bits;
  } result = {1.f - ((low - (rest * mended) / (2.f - mended)) - high)};
  result.bits += octaves << 23;
  return result.value;
}
__attribute__((noinline)) float Tangent(float value) {
  const float size = Absolute(value);
  if (size > 9.f) return value < 0 ? -1.f : 1.f;
  const float power = Power(2.f * size), found = 1.f - 2.f / (power + 1.f);
  return value < 0 ? -found : found;
}
__attribute__((noinline)) float Logarithm(float value) {
  union {
    float value;
    int32_t bits;
  } parts = {value};
  const int octaves = (parts.bits >> 23) - 127;
  parts.bits = (parts.bits & 0x7fffff) | 0x3f800000;
  const float rest = parts.value - 1.f, ratio = rest / (2.f + rest), square = ratio * ratio;
  float term = 1.47981986e-1f;
  const float factors[] = {1.53138376e-1f, 1.81835720e-1f, 2.22221985e-1f, 2.85714288e-1f, 4e-1f, 6.66666687e-1f};
  for (int index = 0; index < 6; ++index) term = term * square + factors[index];
  return octaves * 0.693147180f + (rest - ratio * (rest - square * term));
}

struct Window {
  int stride, pad;
  float low, high;
};

void Convolve(const Window& window, const Shape& in, const float* input, const Shape& kernel, const float* weights,
              const float* bias, const Shape& out, float* output) {
  const int depth = kernel.Size(3), groups = in.Size(3) / depth, each = out.Size(3) / groups;
  for (int batch = 0; batch < in.Size(0); ++batch)
    for (int row = 0; row < out.Size(1); ++row)
      for (int column = 0; column < out.Size(2); ++column)
        for (int channel = 0; channel < out.Size(3); ++channel) {
          const int group = channel / each;
          float total = 0.f;
          for (int y = 0; y < kernel.Size(1); ++y) {
            const int in_y = row * window.stride - window.pad + y;
            for (int x = 0; x < kernel.Size(2); ++x) {
              const int in_x = column * window.stride - window.pad + x;
              if (!((in_x >= 0) && (in_x < in.Size(2)) && (in_y >= 0) && (in_y < in.Size(1)))) continue;
              for (int deep = 0; deep < depth; ++deep) {
                const float value = input[Place(in, batch, in_y, in_x, deep + group * depth)];
                const float weight = weights[Place(kernel, channel, y, x, deep)];
                total += value * weight;
              }
            }
          }
          const float added = bias ? bias[channel] : 0.f;
          output[Place(out, batch, row, column, channel)] = Clamp(total + added, window.low, window.high);
        }
}

void Depthwise(const Window& window, const Shape& in, const float* input, const Shape& kernel, const float* weights,
               const float* bias, const Shape& out, float* output) {
  const int multiplier = out.Size(3) / in.Size(3);
  for (int batch = 0; batch < in.Size(0); ++batch)
    for (int row = 0; row < out.Size(1); ++row)
      for (int column = 0; column < out.Size(2); ++column)
        for (int deep = 0; deep < in.Size(3); ++deep)
          for (int m = 0; m < multiplier; ++m) {
            const int channel = m + deep * multiplier;
            float total = 0.f;
            for (int y = 0; y < kernel.Size(1); ++y)
              for (int x = 0; x < kernel.Size(2); ++x) {
                const int in_x = column * window.stride - window.pad + x, in_y = row * window.stride - window.pad + y;
                if ((in_x >= 0) && (in_x < in.Size(2)) && (in_y >= 0) && (in_y < in.Size(1))) {
                  const float value = input[Place(in, batch, in_y, in_x, deep)];
                  const float weight = weights[Place(kernel, 0, y, x, channel)];
                  total += value * weight;
                }
              }
            const float added = bias ? bias[channel] : 0.f;
            output[Place(out, batch, row, column, channel)] = Clamp(total + added, window.low, window.high);
          }
}

void Dense(const Window& window, const Shape& in, const float* input, const Shape& kernel, const float* weights,
           const float* bias, const Shape& out, float* output) {
  const int depth = kernel.Size(kernel.Count() - 1), count = kernel.Size(0), rows = out.Whole() / count;
  for (int row = 0; row < rows; ++row)
    for (int channel = 0; channel < count; ++channel) {
      float total = 0.f;
      for (int deep = 0; deep < depth; ++deep) total += input[row * depth + deep] * weights[channel * depth + deep];
      const float added = bias ? bias[channel] : 0.0f;
      output[channel + count * row] = Clamp(total + added, window.low, window.high);
    }
}

template <bool kMean>
void Pool(const Window& window, const Shape& in, const float* input, const Shape& kernel, const Shape& out,
          float* output) {
  for (int batch = 0; batch < in.Size(0); ++batch)
    for (int row = 0; row < out.Size(1); ++row)
      for (int column = 0; column < out.Size(2); ++column)
        for (int channel = 0; channel < in.Size(3); ++channel) {
          const int x0 = column * window.stride - window.pad, y0 = row * window.stride - window.pad;
          const int first_x = x0 < 0 ? -x0 : 0, first_y = y0 < 0 ? -y0 : 0;
          const int last_x = kernel.Size(1) < in.Size(2) - x0 ? kernel.Size(1) : in.Size(2) - x0;
          const int last_y = kernel.Size(0) < in.Size(1) - y0 ? kernel.Size(0) : in.Size(1) - y0;
          float total = kMean ? 0.f : -3.4e38f, count = 0.f;
          for (int y = first_y; y < last_y; ++y)
            for (int x = first_x; x < last_x; ++x) {
              const float value = input[Place(in, batch, y0 + y, x0 + x, channel)];
              total = kMean ? total + value : Larger(total, value);
              count++;
            }
          output[Place(out, batch, row, column, channel)] = Clamp(kMean ? total / count : total, window.low, window.high);
        }
}

// Scattered: every input adds to a window of outputs, which are cleared first and biased last.
void Scatter(const Window& window, const Shape& in, const float* input, const Shape& kernel, const float* weights,
             const float* bias, const Shape& out, float* output) {
  const int whole = out.Whole();
  for (int place = 0; place < whole; ++place) output[place] = 0.f;
  for (int batch = 0; batch < in.Size(0); ++batch)
    for (int row = 0; row < in.Size(1); ++row)
      for (int column = 0; column < in.Size(2); ++column)
        for (int deep = 0; deep < in.Size(3); ++deep)
          for (int y = 0; y < kernel.Size(1); ++y)
            for (int x = 0; x < kernel.Size(2); ++x)
              for (int channel = 0; channel < out.Size(3); ++channel) {
                const int out_x = column * window.stride - window.pad + x, out_y = row * window.stride - window.pad + y;
                if ((out_x >= 0) && (out_x < out.Size(2)) && (out_y >= 0) && (out_y < out.Size(1))) {
                  const float value = input[Place(in, batch, row, column, deep)];
                  const float weight = weights[Place(kernel, channel, y, x, deep)];
                  output[Place(out, batch, out_y, out_x, channel)] += value * weight;
                }
              }
  for (int row = 0; row < whole / out.Size(3); ++row)
    for (int channel = 0; channel < out.Size(3); ++channel) {
      float& one = output[row * out.Size(3) + channel];
      one = Clamp(one + bias[channel], window.low, window.high);
    }
}

// Places of both operands from the four axes of the result: what broadcasting does for every element.
void Broadcast(const Shape& left, const float* one, const Shape& right, const float* other, const Shape& out,
               float* output) {
  for (int a = 0; a < out.Size(0); ++a)
    for (int b = 0; b < out.Size(1); ++b)
      for (int c = 0; c < out.Size(2); ++c)
        for (int d = 0; d < out.Size(3); ++d) {
          const int first = Place(left, a % left.Size(0), b % left.Size(1), c % left.Size(2), d % left.Size(3));
          const int second = Place(right, a % right.Size(0), b % right.Size(1), c % right.Size(2), d % right.Size(3));
          output[Place(out, a, b, c, d)] = Clamp(one[first] + other[second], -1e9f, 1e9f);
        }
}

// Element by element over five axes, of which the shape may have fewer: where it is read is computed anew each time,
// what is written follows the last.
struct Five {
  int32_t count, sizes[5];
};
inline int Place(const Five& shape, int a, int b, int c, int d, int e) {
  CHECK(shape.count == 5);
  const int* sizes = reinterpret_cast<const int*>(shape.sizes);
  CHECK(a >= 0 && a < sizes[0]);
  CHECK(b >= 0 && b < sizes[1]);
  CHECK(c >= 0 && c < sizes[2]);
  CHECK(d >= 0 && d < sizes[3]);
  CHECK(e >= 0 && e < sizes[4]);
  return (((a * sizes[1] + b) * sizes[2] + c) * sizes[3] + d) * sizes[4] + e;
}
template <typename T>
struct Writer {
  void Write(int place) { *to++ = from[place]; }
  const T* from;
  T* to;
};
template <typename T>
inline void Slice(const int32_t* first, const int32_t* count, const Five& in, Writer<T>* writer) {
  Five wide;
  wide.count = 5;
  const int more = 5 - in.count;
  for (int axis = 0; axis < more; ++axis) wide.sizes[axis] = 1;
  for (int axis = 0; axis < in.count; ++axis) wide.sizes[more + axis] = in.sizes[axis];
  int from[5], to[5];
  for (int axis = 0; axis < 5; ++axis) {
    from[axis] = first[axis];
    to[axis] = count[axis] == -1 ? wide.sizes[axis] : from[axis] + count[axis];
  }
  for (int a = from[0]; a < to[0]; ++a)
    for (int b = from[1]; b < to[1]; ++b)
      for (int c = from[2]; c < to[2]; ++c)
        for (int d = from[3]; d < to[3]; ++d)
          for (int e = from[4]; e < to[4]; ++e) writer->Write(Place(wide, a, b, c, d, e));
}
template <typename T>
inline void Slice(const int32_t* first, const int32_t* count, const Five& in, const void* input, void* output) {
  Writer<T> writer = {reinterpret_cast<const T*>(input), reinterpret_cast<T*>(output)};
  Slice(first, count, in, &writer);
}

void Softmax(const Shape& shape, const float* input, float* output) {
  const int depth = shape.Size(shape.Count() - 1), rows = shape.Whole() / depth;
  for (int row = 0; row < rows; ++row) {
    float largest = -3.4e38f, sum = 0.f;
    for (int place = 0; place < depth; ++place) largest = Larger(largest, input[row * depth + place]);
    for (int place = 0; place < depth; ++place) {
      const float power = Power((input[row * depth + place] - largest) * 1.0f);
      output[row * depth + place] = power;
      sum += power;
    }
    for (int place = 0; place < depth; ++place) output[row * depth + place] = output[row * depth + place] / sum;
  }
}

}  // namespace

extern "C" {
// Set before each call: sizes of input, kernel and output, and the window.
__attribute__((used)) int32_t tk_sizes[16];
__attribute__((used)) float tk_input[8192], tk_weights[8192], tk_bias[256], tk_output[8192];
static const Window tk_window() { return {int(tk_sizes[12]), int(tk_sizes[13]), -1e9f, 1e9f}; }
static Shape tk_in() { return Shape(4, tk_sizes); }
static Shape tk_kernel() { return Shape(4, tk_sizes + 4); }
static Shape tk_out() { return Shape(4, tk_sizes + 8); }
#define WHOLE tk_window(), tk_in(), tk_input, tk_kernel(), tk_weights, tk_bias, tk_out(), tk_output
#define CALL(name) __attribute__((used, noinline)) void tk_##name()
CALL(conv) { Convolve(WHOLE); }
CALL(depthwise) { Depthwise(WHOLE); }
CALL(fully_connected) { Dense(WHOLE); }
CALL(transpose_conv) { Scatter(WHOLE); }
CALL(pool) { Pool<true>(tk_window(), tk_in(), tk_input, Shape(2, tk_sizes + 5), tk_out(), tk_output); }
CALL(max_pool) { Pool<false>(tk_window(), tk_in(), tk_input, Shape(2, tk_sizes + 5), tk_out(), tk_output); }
CALL(softmax) { Softmax(tk_in(), tk_input, tk_output); }
CALL(broadcast) { Broadcast(tk_in(), tk_input, tk_kernel(), tk_weights, tk_out(), tk_output); }
// The rows of the result, from the row on that the kernel's second size names, onto themselves as under a plan of
// stripes; that they lie so its caller alone knows.
static int8_t* volatile tk_map = reinterpret_cast<int8_t*>(tk_input);
CALL(slice) {
  Five in;
  int32_t first[5], count[5];
  in.count = tk_sizes[14];
  first[0] = 0;
  count[0] = 1;
  for (int axis = 0; axis < 4; ++axis) {
    in.sizes[axis] = tk_sizes[axis];
    first[axis + 1] = axis == 1 ? tk_sizes[5] : 0;
    count[axis + 1] = tk_sizes[8 + axis];
  }
  int8_t* whole = tk_map;
  int8_t* rows = whole + tk_sizes[5] * tk_sizes[2] * tk_sizes[3];
  switch (tk_sizes[15]) {
    case 0: return Slice<int8_t>(first, count, in, whole, rows);
    case 1: return Slice<int16_t>(first, count, in, whole, rows);
    case 2: return Slice<int32_t>(first, count, in, whole, rows);
    case 3: return Slice<float>(first, count, in, whole, rows);
    default: return Slice<bool>(first, count, in, whole, rows);
  }
}
#define EACH(name, formula)                                       \
  CALL(name) {                                                    \
    const int whole = tk_in().Whole();                            \
    for (int i = 0; i < whole; ++i) {                             \
      const float a = tk_input[i], b = tk_weights[i];             \
      (void)b;                                                    \
      tk_output[i] = (formula);                                   \
    }                                                             \
  }
EACH(add, Clamp(a + b, -1e9f, 1e9f))
EACH(divide, Clamp(a / b, -1e9f, 1e9f))
EACH(logistic, 1.f / (1.f + Power(-a)))
EACH(tanh, Tangent(a))
EACH(exp, Power(a))
EACH(log, Logarithm(Absolute(a)))
EACH(relu, a < 0.f ? 0.f : a)
CALL(quantise) {
  const int whole = tk_in().Whole();
  int8_t* out = reinterpret_cast<int8_t*>(tk_output);
  for (int i = 0; i < whole; ++i) {
    const float steps = tk_input[i] / tk_bias[0];
    int32_t code = static_cast<int32_t>(steps + (steps < 0 ? -0.5f : 0.5f)) + 3;
    code = code < -128 ? -128 : code > 127 ? 127 : code;
    out[i] = static_cast<int8_t>(code);
  }
}
CALL(dequantise) {
  const int whole = tk_in().Whole();
  const int8_t* in = reinterpret_cast<const int8_t*>(tk_input);
  for (int i = 0; i < whole; ++i) tk_output[i] = tk_bias[0] * (in[i] - 3);
}
}
